"""Weights of a network in the layout of ONNX's operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.neural.config import RecurrentConfig
from models.utils.arrays import IntArray

_GATE_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
"""Our gates in ONNX's order: input, output, forget, cell of an LSTM; update, reset, hidden of a GRU."""
_NO_TOKEN_BIAS = -1e4
"""Output bias of an id that no token has."""


def onnx_weights(
    config: RecurrentConfig, tensors: Mapping[str, NDArray[Any]], ids: IntArray
) -> dict[str, NDArray[np.float32]]:
    """Return float32 weights; those of layers have a leading dimension of 1, their one direction.

    Rows of the vocabulary lie at `ids` [V], the tokens' public ids.
    """
    floats = {name: np.asarray(array, np.float32) for name, array in tensors.items()}
    weights = {name: floats[name] for name in ("projection",) if name in floats}
    for name in ("embedding", "output_weight", "output_bias"):
        if name in floats:
            empty = _NO_TOKEN_BIAS if name == "output_bias" else 0.0
            weights[name] = np.full((int(ids.max()) + 1, *floats[name].shape[1:]), empty, np.float32)
            weights[name][ids] = floats[name]
    for i in range(config.layers):
        for part in ("ih", "hh"):
            weights[f"layers.{i}.weight_{part}"] = _reorder(floats[f"layers.{i}.weight_{part}"], config)[None]
        biases = [_reorder(floats[f"layers.{i}.bias_{part}"], config) for part in ("ih", "hh")]
        weights[f"layers.{i}.bias"] = np.concatenate(biases)[None]
    return weights


def _reorder(rows: NDArray[np.float32], config: RecurrentConfig) -> NDArray[np.float32]:
    """Return the rows of a matrix or a bias with the gates in ONNX's order."""
    gates = np.split(rows, len(_GATE_ORDER[config.kind]))
    return np.concatenate([gates[gate] for gate in _GATE_ORDER[config.kind]])
