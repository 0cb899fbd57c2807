"""A recurrent classifier: an encoder, pooling of its vectors, and a linear layer over the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.errors import CheckpointDamaged
from models.model import Capability, Floats, Tensors
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.encoder import Int8Encoder
from models.tasks.card_names import read_names
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.ngram_model import LogisticRegressionClassifier
from models.tasks.classification.probabilities import log_sigmoid
from models.tasks.encoder_model import EncoderModel
from models.tasks.text import Alphabet, TaskText
from models.utils.arrays import log_softmax, unflagged

NGRAM_PREFIX = "ngrams."
"""Beginning of the names of the arrays of the n-grams in a checkpoint."""
NGRAM_ORDER = 2
"""Tokens in the longest n-grams beside a network."""


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
        ngrams: LogisticRegressionClassifier | None = None,
    ) -> None:
        """Hold an encoder, the arrays of a head (`classifier_head_shapes`), and what has `ngram_share`."""
        super().__init__(encoder, head, alphabet)
        self.ngrams = ngrams
        self.settings, self.labels, self.multi_label = settings, tuple(labels), settings.multi_label

    def logprobs(self, texts: Sequence[TaskText]) -> Floats:
        """Return log-probabilities [B, L] of the labels, as `TextClassifier` says."""
        logprobs = self._network_logprobs(texts)
        if self.ngrams is None:
            return logprobs
        shares = np.log(np.array([1 - self.settings.ngram_share, self.settings.ngram_share], np.float32))
        mixed: Floats = np.logaddexp(logprobs + shares[0], self.ngrams.logprobs(texts) + shares[1])
        return mixed

    @unflagged
    def _network_logprobs(self, texts: Sequence[TaskText]) -> Floats:
        """Return the network's own log-probabilities [B, L]."""
        vectors, lengths = self.vectors(texts)
        if self.settings.pooling == "last":
            pooled = list(self.encoder.last_vectors(vectors, lengths))
        else:
            pooled = [self._pool(row[:length]) for row, length in zip(vectors, lengths.tolist(), strict=True)]
        # Row by row: the product of a matrix and several vectors may be rounded otherwise than with each alone.
        logits = np.array([self._head["weight"] @ vector + self._head["bias"] for vector in pooled], np.float32)
        return log_sigmoid(logits) if self.multi_label else log_softmax(logits)

    def _pool(self, vectors: Floats) -> Floats:
        """Return one vector [D] of a text's vectors [T, D], for all kinds of pooling but `last`."""
        if self.settings.pooling == "attention":
            weights = np.exp(log_softmax((vectors @ self._head["attention"])[None])[0])
            attended: Floats = weights @ vectors
            return attended
        pooled: Floats = vectors.max(0) if self.settings.pooling == "max" else vectors.mean(0)
        return pooled

    @classmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the head's arrays by name, as `EncoderModel` says."""
        settings, labels = ClassifierConfig(**config["classifier"]), read_names(config, "labels", at_least=2)
        return classifier_head_shapes(settings, len(labels), encoder.vector_size)

    @classmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """Build the model of checked arrays, as `EncoderModel` says."""
        return cls(ClassifierConfig(**config["classifier"]), config["labels"], encoder, head, alphabet)

    def with_ngrams(self, ngrams: LogisticRegressionClassifier) -> Self:
        """Return the model with `ngrams` for its share of the probabilities."""
        return type(self)(self.settings, self.labels, self.encoder, self._stored_head, self.alphabet, ngrams)

    def tensors(self) -> Tensors:
        """Return the arrays of encoder and head, and those of the n-grams."""
        ngrams = {} if self.ngrams is None else self.ngrams.tensors()
        return super().tensors() | {f"{NGRAM_PREFIX}{name}": tensor for name, tensor in ngrams.items()}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model of a checkpoint's arrays, as `EncoderModel` says."""
        parts = {name: tensor for name, tensor in tensors.items() if name.startswith(NGRAM_PREFIX)}
        model = super().from_tensors(config, {n: t for n, t in tensors.items() if n not in parts}, vocabulary_size)
        if not model.settings.ngram_share:
            if parts:
                raise CheckpointDamaged(f"tensor {min(parts)}: not part of this model")
            return model
        settings = {"labels": config["labels"], "order": NGRAM_ORDER, "binary": True, "multi_label": model.multi_label}
        ngrams = {name.removeprefix(NGRAM_PREFIX): tensor for name, tensor in parts.items()}
        return model.with_ngrams(LogisticRegressionClassifier.from_tensors(settings, ngrams, vocabulary_size))

    def task_config(self) -> dict[str, Any]:
        """Return the task's part of the configuration, as `EncoderModel` says."""
        return {"classifier": asdict(self.settings), "labels": list(self.labels)}


class Int8Classifier(RecurrentClassifier):
    """A recurrent classifier whose encoder computes in bytes."""

    encoder_class = Int8Encoder


def classifier_head_shapes(settings: ClassifierConfig, labels: int, vector_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a classifier's head, by name."""
    attention = {"attention": (vector_size,)} if settings.pooling == "attention" else {}
    return {"weight": (labels, vector_size), "bias": (labels,), **attention}
