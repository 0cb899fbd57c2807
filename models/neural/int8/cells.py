"""Steps of the recurrent cells for one sequence, compiled to vector instructions.

Equations as in `models.neural.network.RecurrentLayer`. Gates are [G * H] and vectors [H], float32. Each loop is over
few arrays: with more the compiler gives up checking that they do not overlap, and makes no vector instructions.
"""

from __future__ import annotations

import numpy as np

from models.kernels.jit import Floats, subroutine
from models.kernels.softmax import exp

CELLS = ("rnn_relu", "rnn_tanh", "gru", "lstm")
"""Names of the cells; their places number them for `cell_step`."""
_RELU, _GRU, _LSTM = (CELLS.index(cell) for cell in ("rnn_relu", "gru", "lstm"))
_ONE, _TWO = np.float32(1), np.float32(2)


@subroutine
def cell_step(cell: int, gates: Floats, state_gates: Floats, vector: Floats, memory: Floats) -> None:
    """Replace `vector` [H], for an LSTM `memory` [H] too, by those after one token.

    `gates` [G * H] are the contribution of the input, `state_gates` [G * H] that of `vector`, which is overwritten.
    """
    if cell == _LSTM:
        lstm_step(gates, state_gates, vector, memory)
    elif cell == _GRU:
        gru_step(gates, state_gates, vector)
    else:
        rnn_step(gates, state_gates, vector, cell == _RELU)


@subroutine
def lstm_step(gates: Floats, state_gates: Floats, vector: Floats, memory: Floats) -> None:
    """Replace `vector` and `memory`; gates i, f, g, o are the sums of the two contributions."""
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


@subroutine
def gru_step(gates: Floats, state_gates: Floats, vector: Floats) -> None:
    """Replace `vector`; gates r, z, n, of which r acts on the second contribution to n alone."""
    hidden = len(vector)
    update, candidate = hidden, 2 * hidden
    for j in range(candidate):
        state_gates[j] = sigmoid(state_gates[j] + gates[j])
    for j in range(hidden):
        state_gates[candidate + j] = tanh(gates[candidate + j] + state_gates[j] * state_gates[candidate + j])
    for j in range(hidden):
        z = state_gates[update + j]
        vector[j] = (_ONE - z) * state_gates[candidate + j] + z * vector[j]


@subroutine
def rnn_step(gates: Floats, state_gates: Floats, vector: Floats, relu: bool) -> None:
    """Replace `vector` by the sum's tanh or, with `relu`, by its positive part."""
    if relu:
        for j in range(len(vector)):
            total = gates[j] + state_gates[j]
            vector[j] = np.float32(0) if total < 0 else total  # NaN stays, which max() would lose
    else:
        for j in range(len(vector)):
            vector[j] = tanh(gates[j] + state_gates[j])


@subroutine
def sigmoid(x: np.float32) -> np.float32:
    """Return 1 / (1 + e ** -x)."""
    return _ONE / (_ONE + exp(-x))


@subroutine
def tanh(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent, to about 1e-7."""
    return _ONE - _TWO / (_ONE + exp(x + x))
