"""Layers of a network in NumPy, a token at a time, with the gates that fused kernels do not return.

`read_tokens` follows one sequence through all layers, `zero_step` makes the step on a zero input vector, and
`make_steps` has the steps of several sequences at once. All compute in float32 from the stored weights, whatever
precision the model serves in, and load neither PyTorch nor Numba. Equations as in `models.neural.network`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.model import Floats, TokenIds
from models.neural.config import NetworkKind, Nonlinearity, RecurrentConfig
from models.utils.arrays import unflagged

Vectors: TypeAlias = tuple[Floats, ...]
"""Vectors of one layer, the hidden one [H] first, or of all layers [1, L, H] each, as a one-row state has them."""
Weights: TypeAlias = Mapping[str, NDArray[Any]]
"""Tensors by name, as a checkpoint has them."""

Step: TypeAlias = Callable[[Floats, Vectors], tuple[Vectors, Vectors]]
"""Reads an input vector [I], or one for each row [B, I], from a layer's vectors; returns those after it, and gates."""

GATES: dict[NetworkKind, tuple[str, ...]] = {
    "lstm": ("input", "forget", "output"),
    "gru": ("reset", "update"),
    "rnn": (),
    "feedforward": (),
}
"""Names of each kind's gates, whose activations are between 0 and 1."""


class LayerReading(NamedTuple):
    """Activations of one layer at each of T tokens."""

    vectors: list[Vectors]
    """Vectors after each token."""
    gates: dict[str, Floats]
    """Activations [T, H] of each gate, by its name in GATES."""


def read_tokens(config: RecurrentConfig, weights: Weights, state: Vectors, tokens: TokenIds) -> list[LayerReading]:
    """Read tokens [T] from a one-row state; return what each layer does."""
    return _read_inputs(config, weights, state, weights["embedding"][tokens].astype(np.float32))


def zero_step(config: RecurrentConfig, weights: Weights) -> Vectors:
    """Return the one-row state after one step on an input vector of zeros, from vectors of zeros."""
    start = tuple(np.zeros((1, config.layers, size), np.float32) for size in config.state_sizes)
    readings = _read_inputs(config, weights, start, np.zeros((1, config.embedding_size), np.float32))
    layers = [reading.vectors[0] for reading in readings]
    return tuple(np.stack(vectors)[None] for vectors in zip(*layers, strict=True))


def make_steps(config: RecurrentConfig, weights: Weights) -> list[Step]:
    """Return the step of each layer."""
    names = _WEIGHT_NAMES[config.kind == "feedforward"]
    layers = ({name: _float32(weights[f"layers.{i}.{name}"]) for name in names} for i in range(config.layers))
    return [_make_step(config, own) for own in layers]


def _read_inputs(config: RecurrentConfig, weights: Weights, state: Vectors, inputs: Floats) -> list[LayerReading]:
    """Read input vectors [T, E] from a one-row state."""
    readings = []
    for i, step in enumerate(make_steps(config, weights)):
        readings.append(_read_layer(config, step, tuple(vectors[0, i] for vectors in state), inputs))
        inputs = np.array([vectors[0] for vectors in readings[-1].vectors])
    return readings


_WEIGHT_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), ("weight", "bias")


def _read_layer(config: RecurrentConfig, step: Step, vectors: Vectors, inputs: Floats) -> LayerReading:
    """Read input vectors [T, I] from vectors of one layer."""
    after, gates = [], []
    for x in inputs:
        vectors, activations = step(x, vectors)
        after.append(vectors)
        gates.append(activations)
    names = GATES[config.kind]
    columns = np.array(gates, np.float32).reshape(len(inputs), len(names), config.hidden_size)
    return LayerReading(after, {name: columns[:, i] for i, name in enumerate(names)})


def _make_step(config: RecurrentConfig, weights: dict[str, Floats]) -> Step:
    """Return the step of a layer."""
    nonlinearity = _NONLINEARITIES[config.nonlinearity]
    if config.kind == "feedforward":
        return lambda x, vectors: _feed_forward(nonlinearity, weights, x, vectors)

    @unflagged
    def step(x: Floats, vectors: Vectors) -> tuple[Vectors, Vectors]:
        from_input = x @ weights["weight_ih"].T + weights["bias_ih"]
        from_hidden = vectors[0] @ weights["weight_hh"].T + weights["bias_hh"]
        if config.kind == "rnn":
            return (nonlinearity(from_input + from_hidden),), ()
        return (_lstm if config.kind == "lstm" else _gru)(from_input, from_hidden, vectors)

    return step


def _lstm(from_input: Floats, from_hidden: Floats, vectors: Vectors) -> tuple[Vectors, Vectors]:
    i, f, g, o = np.split(from_input + from_hidden, 4, -1)
    i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
    cell = f * vectors[1] + i * np.tanh(g)
    return (o * np.tanh(cell), cell), (i, f, o)


def _gru(from_input: Floats, from_hidden: Floats, vectors: Vectors) -> tuple[Vectors, Vectors]:
    (r, z, n), (reset, update, new) = np.split(from_input, 3, -1), np.split(from_hidden, 3, -1)
    r, z = sigmoid(r + reset), sigmoid(z + update)
    return ((1 - z) * np.tanh(n + r * new) + z * vectors[0],), (r, z)


@unflagged
def _feed_forward(
    nonlinearity: Callable[[Floats], Floats], weights: dict[str, Floats], x: Floats, vectors: Vectors
) -> tuple[Vectors, Vectors]:
    """Read an input vector after those that the window still covers."""
    window = np.concatenate([vectors[1], x], -1)
    return (nonlinearity(window @ weights["weight"].T + weights["bias"]), window[..., x.shape[-1] :]), ()


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e ** -x), written so that nothing overflows."""
    half: Floats = np.float32(0.5) * (1 + np.tanh(x / 2))
    return half


def _rectify(x: Floats) -> Floats:
    return np.maximum(x, np.float32(0))


_NONLINEARITIES: dict[Nonlinearity, Callable[[Floats], Floats]] = {"tanh": np.tanh, "relu": _rectify}


def _float32(weight: NDArray[Any]) -> Floats:
    return weight.astype(np.float32, copy=False)
