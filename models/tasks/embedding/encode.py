"""Vectors of texts, from language models and task models alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.model import Floats, Model
from models.sequence_encoder import SequenceEncoder
from models.tasks.encoder_model import EncoderModel
from models.tasks.text import TaskText, pad


class TextVectors(NamedTuple):
    """Vectors of one text of T tokens."""

    tokens: Floats
    """[T, D] the vector of each token."""
    last: Floats
    """[D] the vector after the whole text: for each direction, that of the token which it reads last."""


def vector_size(model: Model) -> int:
    """Return D, the numbers in a vector of a model that has some. Raises TypeError for another."""
    return _encoder(model).vector_size


def encode(model: Model, texts: Sequence[TaskText]) -> list[TextVectors]:
    """Return the vectors of texts, computed together. Raises TypeError for a model that has none.

    A text's vectors do not depend on its company: to 1e-5 in float32, to the last bit in int8.
    """
    if isinstance(model, EncoderModel):
        vectors, lengths = model.vectors(texts)
        last = model.encoder.last_vectors(vectors, lengths)
        return [TextVectors(v[:n], end) for v, n, end in zip(vectors, lengths, last, strict=True)]
    tokens, lengths = pad([text.ids for text in texts])
    vectors = _encoder(model).encode(tokens, lengths)
    return [TextVectors(v[:n], v[n - 1]) for v, n in zip(vectors, lengths, strict=True)]


def _encoder(model: Model) -> SequenceEncoder:
    """Return the encoder of a model: itself, or what it has a head on."""
    encoder = model.encoder if isinstance(model, EncoderModel) else model
    if not isinstance(encoder, SequenceEncoder):
        raise TypeError(f"a {model.kind} model has no vectors of texts")
    return encoder
