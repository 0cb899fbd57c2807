"""A recurrent network as an encoder of whole texts: NumPy in and out, and its checkpoint.

What multiplies the matrices is an `EncoderBackend`: PyTorch in float32, imported when the first such encoder is made,
or compiled loops in int8 (`models.neural.int8.encoder`), which never import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats, Lengths, Tensors, TokenIds
from models.neural.encoder.config import EncoderConfig
from models.neural.tensors import check_tensor, stored_dtype
from models.sequence_encoder import SequenceEncoder, Spelling

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Gates stacked in each weight matrix of a layer."""


class EncoderBackend(Protocol):
    """Computation of an encoder's vectors in one precision."""

    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None, /) -> Floats:
        """Return the vectors [B, T, D] of tokens [B, T], anything past `lengths`."""


class RecurrentEncoder(SequenceEncoder):
    """An encoder of recurrent layers.

    >>> config = EncoderConfig("gru", embedding_size=4, hidden_size=3, storage="float32")
    >>> zeros = {name: np.zeros(shape, np.float32) for name, shape in encoder_shapes(config, 5).items()}
    >>> encoder = RecurrentEncoder(config, zeros, vocabulary_size=5)
    >>> encoder.encode(np.array([[2, 3], [4, 0]]), np.array([2, 1])).shape
    (2, 2, 6)
    """

    precision: ClassVar[str] = "float32"

    def __init__(
        self, config: EncoderConfig, tensors: Mapping[str, NDArray[Any]], vocabulary_size: int, alphabet_size: int = 0
    ) -> None:
        """Hold the weights, rounded to `config.storage`; `alphabet_size` is that of characters, where read."""
        self.architecture = config
        self.vocabulary_size, self.alphabet_size = vocabulary_size, alphabet_size
        self.vector_size = config.vector_size
        self._stored = {
            name: array.astype(stored_dtype(config.storage, array.ndim), copy=False) for name, array in tensors.items()
        }
        self._backend = self._make_backend()

    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None = None) -> Floats:
        """See `SequenceEncoder`. Raises InvalidInput for a spelling that is missing, or not wanted."""
        if (spelling is not None) != self.architecture.reads_characters:
            raise InvalidInput("spelling", "is for encoders that read characters, which need it")
        if not tokens.size:
            return np.zeros((*tokens.shape, self.vector_size), np.float32)
        vectors = self._backend.encode(np.asarray(tokens, np.int64), np.asarray(lengths, np.int64), spelling)
        vectors[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return vectors

    def last_vectors(self, vectors: Floats, lengths: Lengths) -> Floats:
        """Return the vectors [B, D] after the whole text: of its last token forward, of its first backward."""
        size, rows, parts = self.architecture.hidden_size, np.arange(len(vectors)), []
        for k, direction in enumerate(self.architecture.directions):
            part = vectors[..., k * size : (k + 1) * size]
            parts.append(part[rows, 0 if direction == "backward" else np.maximum(lengths - 1, 0)])
        return np.concatenate(parts, 1)

    def config(self) -> dict[str, Any]:
        """Return the architecture."""
        return asdict(self.architecture)

    def tensors(self) -> Tensors:
        """Return the weights, in the precision of `storage`."""
        return dict(self._stored)

    @classmethod
    def from_tensors(
        cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int, alphabet_size: int = 0
    ) -> Self:
        """Build the encoder of checked tensors; CheckpointDamaged names the first tensor that does not fit."""
        try:
            architecture = EncoderConfig(**config)
        except (InvalidInput, TypeError) as error:
            raise CheckpointDamaged(f"config: {error}") from error
        shapes = encoder_shapes(architecture, vocabulary_size, alphabet_size)
        for name in sorted(shapes.keys() | tensors.keys()):
            check_tensor(name, architecture.storage, shapes.get(name), tensors.get(name))
        return cls(architecture, tensors, vocabulary_size, alphabet_size)

    def _make_backend(self) -> EncoderBackend:
        """Return what computes with the weights; encoders of another precision override it."""
        if find_spec("torch") is None:
            raise InvalidInput("precision", "must be int8 where PyTorch is not installed")
        from models.neural.encoder.float_backend import FloatEncoderBackend  # imports PyTorch

        return FloatEncoderBackend(self.architecture, self._stored, self.vocabulary_size, self.alphabet_size)


def encoder_shapes(config: EncoderConfig, vocabulary_size: int, alphabet_size: int = 0) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor in a checkpoint, by name: those of `EncoderNetwork`'s parameters."""
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, config.embedding_size)}
    rows = _GATES[config.cell] * config.hidden_size
    for direction in config.directions:
        for i in range(config.layers):
            shapes[f"{direction}_layers.{i}.weight_ih"] = rows, config.layer_input_size(i)
            shapes[f"{direction}_layers.{i}.weight_hh"] = rows, config.hidden_size
            shapes[f"{direction}_layers.{i}.bias_ih"] = shapes[f"{direction}_layers.{i}.bias_hh"] = (rows,)
    if config.reads_characters:
        characters = encoder_shapes(config.character_config, alphabet_size)
        shapes |= {f"characters.{name}": shape for name, shape in characters.items()}
    return shapes
