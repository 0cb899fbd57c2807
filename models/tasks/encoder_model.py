"""`EncoderModel`: the base class of task models that are a recurrent encoder with a head on top.

The head is a few small arrays, computed in NumPy text by text, so that a text's result never depends on its company.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats, Lengths, Model, Tensors
from models.neural.encoder.model import RecurrentEncoder
from models.neural.tensors import check_tensor, stored_dtype
from models.tasks.text import Alphabet, TaskText, pad, spell

ENCODER_PREFIX = "encoder."
"""Beginning of the names of the encoder's tensors in a checkpoint; those of the head begin with `head.`."""
HEAD_PREFIX = "head."


class EncoderModel(Model):
    """An encoder and a head; a subclass says what the head's arrays are and what they compute."""

    encoder_class: ClassVar[type[RecurrentEncoder]] = RecurrentEncoder
    """The class that computes vectors; models of another precision override it."""

    def __init__(self, encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None = None) -> None:
        """Hold an encoder, the head's arrays by name, and the alphabet of an encoder that reads characters."""
        self.encoder, self.alphabet = encoder, alphabet
        self.vocabulary_size, self.precision = encoder.vocabulary_size, encoder.precision
        self.is_thread_safe = self.precision == "int8"
        storage = encoder.architecture.storage
        self._stored_head = {n: a.astype(stored_dtype(storage, a.ndim), copy=False) for n, a in head.items()}
        self._head = {name: array.astype(np.float32) for name, array in self._stored_head.items()}

    @classmethod
    @abstractmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """Return the shape of each array of the head that `config` describes."""

    @classmethod
    @abstractmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """Build the model of `config` (that of the card, or what training made) with checked arrays."""

    @abstractmethod
    def task_config(self) -> dict[str, Any]:
        """Return what `build` needs beside encoder and alphabet; JSON-ready."""

    def vectors(self, texts: Sequence[TaskText]) -> tuple[Floats, Lengths]:
        """Return the vectors [B, T, D] of texts, zero past their ends, and the lengths [B]."""
        tokens, lengths = pad([text.ids for text in texts])
        spelling = None if self.alphabet is None else spell(texts, self.alphabet)
        return self.encoder.encode(tokens, lengths, spelling), lengths

    def config(self) -> dict[str, Any]:
        """Return the task's configuration, with the tables `encoder` and `alphabet`."""
        alphabet = None if self.alphabet is None else self.alphabet.characters
        return self.task_config() | {"encoder": self.encoder.config(), "alphabet": alphabet}

    def tensors(self) -> Tensors:
        """Return the arrays of encoder and head, in the precision of `storage`."""
        encoder = {f"{ENCODER_PREFIX}{name}": tensor for name, tensor in self.encoder.tensors().items()}
        return encoder | {f"{HEAD_PREFIX}{name}": array for name, array in self._stored_head.items()}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """See `Model`; CheckpointDamaged names the first tensor that does not fit."""
        task_config = dict(config)
        try:
            encoder_config, characters = task_config.pop("encoder"), task_config.pop("alphabet")
            alphabet = None if characters is None else Alphabet(characters)
            encoder_tensors, head = split_tensors(tensors)
            size = 0 if alphabet is None else len(alphabet)
            encoder = cls.encoder_class.from_tensors(encoder_config, encoder_tensors, vocabulary_size, size)
            shapes = cls.head_shapes(task_config, encoder)
            for name in sorted(shapes.keys() | head.keys()):
                check_tensor(f"{HEAD_PREFIX}{name}", encoder.architecture.storage, shapes.get(name), head.get(name))
            return cls.build(task_config, encoder, head, alphabet)
        except (InvalidInput, KeyError, TypeError) as error:
            raise CheckpointDamaged(f"config: {error}") from error


def split_tensors(tensors: Mapping[str, NDArray[Any]]) -> tuple[Tensors, Tensors]:
    """Return the tensors of encoder and head, the beginning of names cut off. Raises CheckpointDamaged."""
    parts: dict[str, Tensors] = {ENCODER_PREFIX: {}, HEAD_PREFIX: {}}
    for name, tensor in tensors.items():
        prefix = next((prefix for prefix in parts if name.startswith(prefix)), None)
        if prefix is None:
            raise CheckpointDamaged(f"tensor {name}: not part of this model")
        parts[prefix][name.removeprefix(prefix)] = tensor
    return parts[ENCODER_PREFIX], parts[HEAD_PREFIX]
