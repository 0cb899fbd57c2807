"""Training of a recurrent tagger on tagged sentences."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.evaluation.spans import has_spans, tagging_figures
from models.model import Floats
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.encoder.network import EncoderNetwork
from models.tasks.encoder_model import split_tensors
from models.tasks.tagging.config import TaggerConfig
from models.tasks.tagging.crf import FORBIDDEN, ChainScores, crf_loss
from models.tasks.tagging.model import RecurrentTagger, allowed_tags, tagger_head_shapes
from models.tasks.tagging.texts import TaggedTexts
from models.tasks.text import Alphabet, pad
from models.tasks.training.problem import StepContext, TaskNetwork, TaskProblem, TextBatch, rare_words
from models.utils.progress import Progress

_MEASURED_TEXTS = 64
"""Sentences that are tagged together while a training measures."""
_PADDING = -100
"""Tag of padding, which `torch.nn.functional.cross_entropy` leaves out."""


class TaggingProblem(TaskProblem[RecurrentTagger]):
    """Tagged sentences, for `train_task` to train a recurrent tagger on."""

    def __init__(
        self,
        settings: TaggerConfig,
        encoder: EncoderConfig,
        tags: Sequence[str],
        vocabulary_size: int,
        examples: TaggedTexts,
        held_out: TaggedTexts | None = None,
        alphabet: Alphabet | None = None,
    ) -> None:
        """Train on `examples`; `held_out` chooses the best weights, by F1 of spans or by accuracy."""
        self._settings, self._encoder, self._tags = settings, encoder, tuple(tags)
        self._vocabulary_size, self._alphabet = vocabulary_size, alphabet
        self._alphabet_size = 0 if alphabet is None else len(alphabet)
        self._examples, self._held_out = examples.cut(settings.max_training_tokens), held_out
        self.lengths = np.array([len(text) for text in self._examples.texts], np.int64)
        self._targets = self._examples.numbers(tags)
        self._rare = rare_words(self._examples.texts, vocabulary_size)
        self._forbidden = _forbidden_scores(settings, tags)
        head = tagger_head_shapes(settings, len(tags), encoder.vector_size)
        self.network = TaskNetwork(EncoderNetwork(encoder, vocabulary_size, self._alphabet_size), head)

    @property
    def identity(self) -> dict[str, Any]:
        """Return settings, and digests of the examples, as `TaskProblem` says."""
        return {
            "tagger": asdict(self._settings),
            "encoder": asdict(self._encoder),
            "tags": list(self._tags),
            "examples": self._examples.fingerprint(),
            "held out": self._held_out and self._held_out.fingerprint(),
        }

    def loss(self, rows: NDArray[np.int64], context: StepContext) -> Tensor:
        """Return the mean loss of a token in nats: cross-entropy, or -log P of its sentence over its length."""
        batch = TextBatch.of([self._examples.texts[row] for row in rows], self._alphabet)
        tokens = context.replace_rare(batch.tokens, self._rare)
        vectors = self.network.encoder(tokens, batch.lengths, batch.spelling, context.hooks)
        emissions = functional.linear(vectors, self.network.head["weight"], self.network.head["bias"])
        tags = torch.from_numpy(pad([self._targets[row] for row in rows])[0])
        if self._settings.crf:
            return crf_loss(emissions, tags, batch.lengths, self._chain_scores()).sum() / batch.lengths.sum()
        tags = tags.masked_fill(~batch.mask, _PADDING)
        loss: Tensor = functional.cross_entropy(
            emissions.flatten(0, 1), tags.flatten(), ignore_index=_PADDING, label_smoothing=context.label_smoothing
        )
        return loss

    def model(self, weights: Mapping[str, Floats]) -> RecurrentTagger:
        """Return the model with these weights, as `TaskProblem` says."""
        tensors, head = split_tensors(weights)
        encoder = RecurrentEncoder(self._encoder, tensors, self._vocabulary_size, self._alphabet_size)
        return RecurrentTagger(self._settings, self._tags, encoder, head, self._alphabet)

    def measure(self, model: RecurrentTagger) -> Generator[Progress, None, dict[str, float]]:
        """Return F1 of spans if the tags are BIO, and the accuracy, on the held-out sentences."""
        held_out = self._held_out
        if held_out is None:
            return {}
        predicted: list[list[str]] = []
        for begin in range(0, len(held_out.texts), _MEASURED_TEXTS):
            taggings = model.tag(held_out.texts[begin : begin + _MEASURED_TEXTS])
            predicted += ([self._tags[i] for i in tagging.path] for tagging in taggings)
            yield Progress("validating", begin, len(held_out.texts))
        figures = tagging_figures(held_out.tags, predicted)
        names = ("f1", "accuracy") if has_spans(self._tags) else ("accuracy",)
        return {f"validation_{name}": float(figures.get(name) or 0) for name in names}

    def _chain_scores(self) -> ChainScores:
        """Return the scores of first, following and last tags, low for those that are ruled out."""
        head, (first, following) = self.network.head, self._forbidden
        return ChainScores(head["start"] + first, head["transitions"] + following, head["end"])


def _forbidden_scores(settings: TaggerConfig, tags: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return FORBIDDEN for first tags [K] and pairs of tags [K, K] that are ruled out, 0 for others."""
    if not settings.constrained:
        return torch.zeros(len(tags)), torch.zeros(len(tags), len(tags))
    first, following = (torch.from_numpy(allowed) for allowed in allowed_tags(tags))
    return ~first * FORBIDDEN, ~following * FORBIDDEN
