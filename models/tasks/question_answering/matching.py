"""The layer that reads a context in the light of a question, in both directions.

Its input for a token is the token's vector, the part of the question that is most like it, the question as a whole, and
whether the question holds the word (Wang and Jiang 2016; Chen et al. 2017). The layer is a GRU,
of PyTorch in float32 (`network`) or of compiled loops in int8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from models.kernels.workspace import WorkspacePool
from models.model import Floats
from models.neural.encoder.config import DIRECTIONS, EncoderConfig
from models.neural.int8.encoder import Int8Layer, PackedTexts
from models.tasks.question_answering.texts import MATCHES

_PARTS = {"inputs": "weight_ih", "state": "weight_hh", "input_bias": "bias_ih", "state_bias": "bias_hh"}
"""Arrays of one direction in the head, and what they are called in a recurrent layer."""


class MatchLayer(Protocol):
    """Computation of the layer in one precision."""

    def read(self, inputs: Floats, /) -> Floats:
        """Return the vectors [T, 2 M] of a context's tokens, given their inputs [T, I]."""


def match_shapes(vector_size: int, match_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the layer's arrays, by name; `vector_size` is that of the encoder."""
    rows, inputs = 3 * match_size, 3 * vector_size + MATCHES
    sizes = {"inputs": (rows, inputs), "state": (rows, match_size), "input_bias": (rows,), "state_bias": (rows,)}
    shapes: dict[str, tuple[int, ...]] = {"align": (vector_size, vector_size)}
    return shapes | {f"{direction}_{name}": size for direction in DIRECTIONS for name, size in sizes.items()}


def match_inputs(align: Floats, context: Floats, question: Floats, summary: Floats, matches: Floats) -> Floats:
    """Return what the layer reads of each token [T, I].

    Args:
        align: [D, D] weighs how alike two tokens are.
        context: [T, D] vectors of the context's tokens.
        question: [S, D] vectors of the question's tokens.
        summary: [D] vector of the whole question.
        matches: [T, MATCHES] `QuestionText.matches`.
    """
    scores = context @ align @ question.T
    weights = np.exp(scores - scores.max(1, keepdims=True))
    aligned = weights @ question / weights.sum(1, keepdims=True)
    return np.concatenate([context, aligned, np.broadcast_to(summary, context.shape), matches], 1)


class Int8MatchLayer:
    """The layer with matrices of bytes."""

    def __init__(self, head: Mapping[str, Floats], match_size: int) -> None:
        """Quantize the layer's matrices."""
        config, workspaces = EncoderConfig("gru", hidden_size=match_size), WorkspacePool()
        names = ((d, n, name) for d in DIRECTIONS for n, name in _PARTS.items())
        weights = {f"{direction}.{name}": head[f"{direction}_{n}"] for direction, n, name in names}
        self._layers = [Int8Layer(config, weights, direction, workspaces) for direction in DIRECTIONS]

    def read(self, inputs: Floats) -> Floats:
        """Read the vectors of a text with those of its question, as `MatchLayer` says."""
        packed = PackedTexts.of(np.array([len(inputs)]), len(inputs))
        layers = zip(DIRECTIONS, self._layers, strict=True)
        forward, backward = (layer.read(inputs, packed.places[direction], packed) for direction, layer in layers)
        return np.concatenate([forward, backward[::-1]], 1)
