"""A recurrent classifier: an encoder, pooling of its vectors, and a linear layer over the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.model import Capability, Floats
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.encoder import Int8Encoder
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.config import ClassifierConfig
from models.tasks.encoder_model import EncoderModel
from models.tasks.text import Alphabet, TaskText


class RecurrentClassifier(EncoderModel, TextClassifier):
    """A classifier that reads the whole text with a recurrent encoder."""

    kind = "classifier"
    capabilities: frozenset[Capability] = frozenset({"classify", "embed"})

    def __init__(
        self,
        settings: ClassifierConfig,
        labels: Sequence[str],
        encoder: RecurrentEncoder,
        head: Mapping[str, Floats],
        alphabet: Alphabet | None = None,
    ) -> None:
        """Hold an encoder and the arrays of a head, `classifier_head_shapes`."""
        super().__init__(encoder, head, alphabet)
        self.settings, self.labels, self.multi_label = settings, tuple(labels), settings.multi_label

    def logprobs(self, texts: Sequence[TaskText]) -> Floats:
        """See `TextClassifier`."""
        vectors, lengths = self.vectors(texts)
        last = self.encoder.last_vectors(vectors, lengths)
        pooled = (self._pool(v[:n], end) for v, n, end in zip(vectors, lengths, last, strict=True))
        # Row by row: the product of a matrix and several vectors may be rounded otherwise than with each alone.
        logits = np.array([self._head["weight"] @ vector + self._head["bias"] for vector in pooled], np.float32)
        return log_sigmoid(logits) if self.multi_label else log_softmax(logits)

    def _pool(self, vectors: Floats, last: Floats) -> Floats:
        """Return one vector [D] of a text's vectors [T, D]; `last` [D] are those of its ends."""
        if self.settings.pooling == "last":
            return last
        if self.settings.pooling == "attention":
            weights = np.exp(log_softmax((vectors @ self._head["attention"])[None])[0])
            attended: Floats = weights @ vectors
            return attended
        pooled: Floats = vectors.max(0) if self.settings.pooling == "max" else vectors.mean(0)
        return pooled

    @classmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """See `EncoderModel`."""
        settings = ClassifierConfig(**config["classifier"])
        return classifier_head_shapes(settings, len(config["labels"]), encoder.vector_size)

    @classmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """See `EncoderModel`."""
        return cls(ClassifierConfig(**config["classifier"]), config["labels"], encoder, head, alphabet)

    def task_config(self) -> dict[str, Any]:
        """See `EncoderModel`."""
        return {"classifier": asdict(self.settings), "labels": list(self.labels)}


class Int8Classifier(RecurrentClassifier):
    """A recurrent classifier whose encoder computes in bytes."""

    encoder_class = Int8Encoder


def classifier_head_shapes(settings: ClassifierConfig, labels: int, vector_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a classifier's head, by name."""
    attention = {"attention": (vector_size,)} if settings.pooling == "attention" else {}
    return {"weight": (labels, vector_size), "bias": (labels,), **attention}


def log_softmax(logits: Floats) -> Floats:
    """Return log-probabilities [B, L] of unnormalized ones, row by row."""
    shifted = logits - logits.max(1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


def log_sigmoid(logits: Floats) -> Floats:
    """Return the logarithms of 1 / (1 + e^-x)."""
    result: Floats = -np.logaddexp(np.float32(0), -logits)
    return result
