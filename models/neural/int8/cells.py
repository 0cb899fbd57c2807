"""One step of each recurrent cell for one sequence, compiled to vector instructions.

The equations are those of `network.RecurrentLayer`.

It knows gates [G * H] and vectors [H] of float32. It does not know matrices or bytes.

Each loop is over few arrays: with more the compiler gives up checking that they do not overlap, and makes no vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from models.kernels.softmax import _ONE, _TWO, exp

_compiled = njit(error_model="numpy")


@_compiled
def lstm_step(gates: Any, state_gates: Any, vector: Any, memory: Any) -> None:
    """Replace `vector` and `memory`; gates i, f, g, o are the sums of the two contributions, the second overwritten."""
    hidden = len(vector)
    forget, candidate, output = hidden, 2 * hidden, 3 * hidden
    for j in range(4 * hidden):
        state_gates[j] += gates[j]
    for j in range(candidate):
        state_gates[j] = sigmoid(state_gates[j])
    for j in range(hidden):
        memory[j] = state_gates[forget + j] * memory[j] + state_gates[j] * tanh(state_gates[candidate + j])
    for j in range(hidden):
        vector[j] = sigmoid(state_gates[output + j]) * tanh(memory[j])


@_compiled
def gru_step(gates: Any, state_gates: Any, vector: Any) -> None:
    """Replace `vector`; gates r, z, n, of which r acts on the second contribution to n alone."""
    hidden = len(vector)
    update, candidate = hidden, 2 * hidden
    for j in range(candidate):
        state_gates[j] = sigmoid(state_gates[j] + gates[j])
    for j in range(hidden):
        state_gates[candidate + j] = tanh(gates[candidate + j] + state_gates[j] * state_gates[candidate + j])
    for j in range(hidden):
        kept = state_gates[update + j]
        vector[j] = (_ONE - kept) * state_gates[candidate + j] + kept * vector[j]


@_compiled
def rnn_step(gates: Any, state_gates: Any, vector: Any, relu: Any) -> None:
    """Replace `vector` by tanh of the sum, or by what of it is positive."""
    if relu:
        for j in range(len(vector)):
            total = gates[j] + state_gates[j]
            vector[j] = np.float32(0) if total < 0 else total  # NaN stays, which max() would lose
    else:
        for j in range(len(vector)):
            vector[j] = tanh(gates[j] + state_gates[j])


@_compiled
def sigmoid(x: Any) -> Any:
    """1 / (1 + e ** -x)."""
    return _ONE / (_ONE + exp(-x))


@_compiled
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, to about 1e-7."""
    return _ONE - _TWO / (_ONE + exp(x + x))
