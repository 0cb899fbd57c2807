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


@dataclass(frozen=True)
class QuestionBatch:
    """Padded questions as tensors."""

    context: TextBatch
    question: TextBatch
    matches: Tensor
    """[B, T, MATCHES] `QuestionText.matches`."""
    allowed: Tensor
    """[B, N] which candidates may be the answer."""
    right: Tensor
    """[B, N] which candidates are; at least one of each question."""


class ReaderNetwork(TaskNetwork):
    """An encoder, the layer that matches context and question, and scores of candidates."""

    def __init__(self, config: ReaderConfig, encoder: EncoderNetwork, head: Mapping[str, tuple[int, ...]]) -> None:
        """Make a network with uninitialized parameters; `head` are `reader_head_shapes`."""
        super().__init__(encoder, head)
        self.config = config

    def loss(self, batch: QuestionBatch, context: StepContext) -> Tensor:
        """Return the mean of -log P(right answers) in nats."""
        scores = self.scores(batch, context).masked_fill(~batch.allowed, -torch.inf)
        right = scores.masked_fill(~batch.right, -torch.inf)
        loss: Tensor = (scores.logsumexp(1) - right.logsumexp(1)).mean()
        return loss

    def scores(self, batch: QuestionBatch, context: StepContext) -> Tensor:
        """Return the unnormalized log-probabilities [B, N] of candidates."""
        vectors = self._encode(batch.context, context)
        question = self._encode(batch.question, context)
        summary = self.encoder.last_vectors(question, batch.question.lengths)
        alike = (vectors @ self.head["align"] @ question.transpose(1, 2)).masked_fill(
            ~batch.question.mask[:, None], -torch.inf
        )
        parts = [vectors, alike.softmax(2) @ question, summary[:, None].expand_as(vectors), batch.matches]
        matched = read_both_ways(self.head, torch.cat(parts, 2), batch.context.lengths)
        matched = context.hooks.outputs(matched)
        pooled = matched.masked_fill(~batch.context.mask[..., None], -torch.inf).amax(1)
        return self._candidates(matched, torch.cat([pooled, summary], 1))

    def _candidates(self, matched: Tensor, summary: Tensor) -> Tensor:
        """Return the scores of candidates of a context's vectors [B, T, 2 M] and all together [B, 2 M + D]."""
        head = self.head
        if self.config.target == "answers":
            listed = functional.linear(summary, head["answer_weight"], head["answer_bias"])
            return torch.cat([listed, matched @ head["copied"]], 1)
        starts, ends = matched @ head["start"], matched @ head["end"]
        size = self.config.max_answer_tokens
        spans = starts[..., None] + functional.pad(ends, (0, size - 1)).unfold(1, size, 1)
        none = (summary @ head["none_weight"] + head["none_bias"])[:, None]
        return torch.cat([none, spans.flatten(1)], 1)

    def _encode(self, batch: TextBatch, context: StepContext) -> Tensor:
        """Return the vectors [B, T, D] of texts."""
        vectors: Tensor = self.encoder(batch.tokens, batch.lengths, batch.spelling, context.hooks)
        return vectors


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
        """See `MatchLayer`."""
        lengths = torch.tensor([len(inputs)])
        vectors: Floats = read_both_ways(self._head, torch.from_numpy(inputs)[None], lengths)[0].numpy()
        return vectors
