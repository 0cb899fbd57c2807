"""Training of a recurrent classifier on labelled texts."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.model import Floats
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.encoder.network import EncoderNetwork
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.model import RecurrentClassifier, classifier_head_shapes
from models.tasks.encoder_model import split_tensors
from models.tasks.text import Alphabet, TaskText, token_chunks
from models.tasks.training.problem import StepContext, TaskNetwork, TaskProblem, TextBatch, rare_words
from models.utils.progress import Progress

_LARGEST_PROBABILITY = np.float32(1 - 1e-7)
"""Bound of a probability whose complement is put into a logarithm."""


@dataclass(frozen=True)
class LabelledTexts:
    """Tokenized texts and which labels each has.

    targets: [N, L] 1 for a label that the text has, 0 for others.
    """

    texts: Sequence[TaskText]
    targets: NDArray[np.float32]

    def cut(self, tokens: int) -> LabelledTexts:
        """Return the texts with their first `tokens` tokens."""
        return LabelledTexts([TaskText(text.ids[:tokens], text.forms[:tokens]) for text in self.texts], self.targets)


class ClassificationProblem(TaskProblem[RecurrentClassifier]):
    """Labelled texts, for `train_task` to train a recurrent classifier on."""

    def __init__(
        self,
        settings: ClassifierConfig,
        encoder: EncoderConfig,
        labels: Sequence[str],
        vocabulary_size: int,
        examples: LabelledTexts,
        held_out: LabelledTexts | None = None,
        alphabet: Alphabet | None = None,
    ) -> None:
        """Train on `examples`; `held_out` chooses the best weights by its accuracy."""
        self._settings, self._encoder, self._labels = settings, encoder, tuple(labels)
        self._vocabulary_size, self._alphabet = vocabulary_size, alphabet
        self._examples, self._held_out = examples.cut(settings.max_training_tokens), held_out
        self.lengths = np.array([len(text) for text in self._examples.texts], np.int64)
        self._targets = torch.from_numpy(examples.targets)
        self._rare = rare_words(self._examples.texts, vocabulary_size)
        self._weights = _class_weights(settings, examples.targets)
        head = classifier_head_shapes(settings, len(labels), encoder.vector_size)
        self.network = TaskNetwork(EncoderNetwork(encoder, vocabulary_size, self._alphabet_size), head)

    @property
    def identity(self) -> dict[str, Any]:
        """Return settings, and digests of the examples, as `TaskProblem` says."""
        return {
            "classifier": asdict(self._settings),
            "encoder": asdict(self._encoder),
            "labels": list(self._labels),
            "examples": _fingerprint(self._examples),
            "held out": _fingerprint(self._held_out),
        }

    def loss(self, rows: NDArray[np.int64], context: StepContext) -> Tensor:
        """Return the mean cross-entropy of training examples in nats, weighted by class."""
        batch = TextBatch.of([self._examples.texts[row] for row in rows], self._alphabet)
        tokens = context.replace_rare(batch.tokens, self._rare)
        vectors = self.network.encoder(tokens, batch.lengths, batch.spelling, context.hooks)
        logits = functional.linear(self._pool(vectors, batch), self.network.head["weight"], self.network.head["bias"])
        targets = self._targets[torch.from_numpy(rows)]
        if self._settings.multi_label:
            binary: Tensor = functional.binary_cross_entropy_with_logits(logits, targets, self._weights)
            return binary
        smoothing = context.label_smoothing
        loss: Tensor = functional.cross_entropy(logits, targets.argmax(1), self._weights, label_smoothing=smoothing)
        return loss

    def model(self, weights: Mapping[str, Floats]) -> RecurrentClassifier:
        """Return the model with these weights, as `TaskProblem` says."""
        tensors, head = split_tensors(weights)
        encoder = RecurrentEncoder(self._encoder, tensors, self._vocabulary_size, self._alphabet_size)
        return RecurrentClassifier(self._settings, self._labels, encoder, head, self._alphabet)

    def measure(self, model: RecurrentClassifier) -> Generator[Progress, None, dict[str, float]]:
        """Return the accuracy on the held-out texts, and their mean loss."""
        held_out = self._held_out
        if held_out is None:
            return {}
        logprobs = np.empty_like(held_out.targets)
        for rows in token_chunks([len(text) for text in held_out.texts], model.chunk_tokens):
            logprobs[rows] = model.logprobs([held_out.texts[row] for row in rows])
            yield Progress("validating", 0, len(held_out.texts))
        if self._settings.multi_label:
            correct = ((logprobs > np.log(0.5)) == (held_out.targets > 0)).all(1)
        else:
            correct = held_out.targets[np.arange(len(logprobs)), logprobs.argmax(1)] > 0
        loss = -(logprobs * held_out.targets).sum(1).mean()
        if self._settings.multi_label:  # the labels that a text does not have count as well
            absent = np.log1p(-np.minimum(np.exp(logprobs), _LARGEST_PROBABILITY))
            loss -= (absent * (1 - held_out.targets)).sum(1).mean()
        return {"validation_accuracy": float(correct.mean()), "validation_loss": float(loss)}

    @property
    def _alphabet_size(self) -> int:
        return 0 if self._alphabet is None else len(self._alphabet)

    def _pool(self, vectors: Tensor, batch: TextBatch) -> Tensor:
        """Return one vector [B, D] of each text's vectors [B, T, D], as `RecurrentClassifier` does."""
        mask, pooling = batch.mask[..., None], self._settings.pooling
        pooled: Tensor
        if pooling == "last":
            pooled = self.network.encoder.last_vectors(vectors, batch.lengths)
        elif pooling == "max":
            pooled = vectors.masked_fill(~mask, -torch.inf).amax(1)
        elif pooling == "mean":
            pooled = (vectors * mask).sum(1) / batch.lengths[:, None]
        else:
            scores = (vectors @ self.network.head["attention"]).masked_fill(~batch.mask, -torch.inf)
            pooled = (scores.softmax(1)[..., None] * vectors).sum(1)
        return pooled


def _class_weights(settings: ClassifierConfig, targets: NDArray[np.float32]) -> Tensor | None:
    """Return weights of labels [L] that give all the same total, or None where they are not balanced."""
    if settings.class_weights == "none":
        return None
    counts = targets.sum(0)
    return torch.from_numpy(counts.sum() / (len(counts) * np.maximum(counts, 1)))


def _fingerprint(examples: LabelledTexts | None) -> str:
    """Return a digest of labelled texts; None is told from no texts."""
    digest = hashlib.sha256()
    if examples is not None:
        digest.update(f"{len(examples.texts)}:".encode() + examples.targets.tobytes())
        for text in examples.texts:
            digest.update(text.ids.tobytes() + "\0".join(text.forms).encode())
    return digest.hexdigest()
