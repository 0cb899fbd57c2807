"""The reader's network of torch, for training and for float32 inference of its matching layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.model import Floats
from models.neural.encoder.config import DIRECTIONS
from models.neural.encoder.network import EncoderNetwork, reversed_positions
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.training.problem import StepContext, TaskNetwork, TextBatch

_LEAST_WEIGHT = 1e-6
"""Weight below which a sentence counts as not looked at, so that its logarithm stays finite."""


@dataclass(frozen=True)
class QuestionBatch:
    """Padded questions as tensors."""

    parts: TextBatch
    """Distinct sentences and questions."""
    context: Tensor
    """[B, T] position of each token of the contexts in `parts`, its rows one after the other; 0 for padding."""
    context_lengths: Tensor
    """[B] tokens of each context."""
    question: Tensor
    """[B] rows of the questions in `parts`."""
    matches: Tensor
    """[B, T, MATCHES] `QuestionText.matches`."""
    allowed: Tensor
    """[B, N] which candidates may be the answer."""
    right: Tensor
    """[B, N] which candidates are; at least one of each question."""
    supporting: Tensor
    """[B, F, T] which tokens are those of each supporting sentence; none for padding."""


class ReaderNetwork(TaskNetwork):
    """An encoder, the layer that matches context and question, and scores of candidates."""

    def __init__(self, config: ReaderConfig, encoder: EncoderNetwork, head: Mapping[str, tuple[int, ...]]) -> None:
        """Make a network with uninitialized parameters; `head` are `reader_head_shapes`."""
        super().__init__(encoder, head)
        self.config = config

    def loss(self, batch: QuestionBatch, context: StepContext) -> Tensor:
        """Return the mean of -log P(right answers) in nats, plus the `supporting_loss`."""
        scores, looks = self.read(batch, context)
        scores = scores.masked_fill(~batch.allowed, -torch.inf)
        right = scores.masked_fill(~batch.right, -torch.inf)
        loss: Tensor = (scores.logsumexp(1) - right.logsumexp(1)).mean()
        if not self.config.supporting_weight or not batch.supporting.any():
            return loss
        return loss + self.config.supporting_weight * supporting_loss(looks, batch.supporting)

    def read(self, batch: QuestionBatch, context: StepContext) -> tuple[Tensor, Tensor]:
        """Return scores [B, N] of candidates before the softmax, and the mean weights [B, T] of looks."""
        parts = self.encoder(batch.parts.tokens, batch.parts.lengths, batch.parts.spelling, context.hooks)
        summary = self.encoder.last_vectors(parts, batch.parts.lengths)[batch.question]
        vectors, question = parts.flatten(0, 1)[batch.context], parts[batch.question]
        mask = torch.arange(vectors.shape[1]) < batch.context_lengths[:, None]
        alike = vectors @ self.head["align"] @ question.transpose(1, 2)
        alike = alike.masked_fill(~batch.parts.mask[batch.question, None], -torch.inf)
        inputs = [vectors, alike.softmax(2) @ question, summary[:, None].expand_as(vectors), batch.matches]
        matched = read_both_ways(self.head, torch.cat(inputs, 2), batch.context_lengths)
        memory = torch.cat([context.hooks.outputs(matched), vectors], 2)
        pooled = memory.masked_fill(~mask[..., None], -torch.inf).amax(1)
        query, looks = self._look(memory, torch.cat([pooled, summary], 1), mask)
        return self._candidates(memory, query), looks

    def _look(self, matched: Tensor, together: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the query [B, 2 M] after hops over vectors [B, T, 2 M + D], and their mean weights [B, T]."""
        query = (together @ self.head["query"]).tanh()
        looks = torch.zeros(mask.shape)
        for hop in range(self.config.hops):
            scores = token_scores(matched, query @ self.head[f"look{hop}"]).masked_fill(~mask, -torch.inf)
            weights = scores.softmax(1)
            looks = looks + weights / self.config.hops
            seen = (weights[..., None] * matched).sum(1)
            query = (torch.cat([query, seen], 1) @ self.head[f"update{hop}"]).tanh()
        return query, looks

    def _candidates(self, matched: Tensor, query: Tensor) -> Tensor:
        """Return the scores of candidates for vectors [B, T, 2 M + D] and the last query [B, 2 M]."""
        head = self.head
        if self.config.target == "answers":
            listed = functional.linear(query, head["answer_weight"], head["answer_bias"])
            return torch.cat([listed, token_scores(matched, query @ head["copied"])], 1)
        starts, ends = (token_scores(matched, query @ head[name]) for name in ("start", "end"))
        size = self.config.max_answer_tokens
        spans = starts[..., None] + functional.pad(ends, (0, size - 1)).unfold(1, size, 1)
        none = (query @ head["none_weight"] + head["none_bias"])[:, None]
        return torch.cat([none, spans.flatten(1)], 1)


def supporting_loss(looks: Tensor, supporting: Tensor) -> Tensor:
    """Return the mean of -log of the weight that falls on a supporting sentence, in nats.

    Args:
        looks: [B, T] weights of the tokens, which sum to one.
        supporting: [B, F, T] tokens of each supporting sentence, none for padding.
    """
    weights = (supporting * looks[:, None]).sum(2)
    there = supporting.any(2)
    return -(weights.clamp(min=_LEAST_WEIGHT).log() * there).sum() / there.sum()


def token_scores(vectors: Tensor, query: Tensor) -> Tensor:
    """Return the product [B, T] of each token's vector [B, T, K] with the query [B, K] of its row."""
    return (vectors @ query[..., None])[..., 0]


def read_both_ways(head: Mapping[str, Tensor] | nn.ParameterDict, inputs: Tensor, lengths: Tensor) -> Tensor:
    """Return vectors [B, T, 2 M] of the matching layer for inputs [B, T, I]; past `lengths` anything."""
    order = reversed_positions(lengths, inputs.shape[1])[..., None]
    outputs = []
    for direction in DIRECTIONS:
        names = (f"{direction}_{name}" for name in ("inputs", "state", "input_bias", "state_bias"))
        weights = [head[name] for name in names]
        backward = direction == "backward"
        x = inputs.gather(1, order.expand_as(inputs)) if backward else inputs
        state = torch.zeros(1, len(x), weights[1].shape[1])
        y, _ = torch.gru(x, state, weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)
        outputs.append(y.gather(1, order.expand_as(y)) if backward else y)
    return torch.cat(outputs, 2)


class FloatMatchLayer:
    """The matching layer in float32."""

    def __init__(self, head: Mapping[str, Floats]) -> None:
        self._head = {name: torch.from_numpy(array) for name, array in head.items()}

    @torch.inference_mode()
    def read(self, inputs: Floats) -> Floats:
        """Read the vectors of a context in the light of a question, as `MatchLayer` says."""
        lengths = torch.tensor([len(inputs)])
        vectors: Floats = read_both_ways(self._head, torch.from_numpy(inputs)[None], lengths)[0].numpy()
        return vectors
