"""Short trainings as experiments run them, with the history of their losses.

`TrainingRun` trains for a number of steps; `run_interleaved` lets several trainings take turns for equal time.
`text_rows` and `next_logprobs` measure networks with hooks, such as dropout, that no model has.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from app.experiments.finding import ExperimentInput
from models.data.bptt_batches import TokenIds
from models.errors import TrainingFailed
from models.neural.config import RecurrentConfig
from models.neural.dropout import NO_DROPOUT, DropoutHooks
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.neural.training.trainer import Trainer
from models.utils.progress import Progress

TURN_SECONDS = 0.2
"""Length of a turn in `run_interleaved`: short beside a training and what else disturbs it, long beside a step."""
MAX_VALIDATION_LOSS = 100.0
"""Nats a token; above it, a perplexity is out of all bounds and not recorded."""
ProgressReports: TypeAlias = Generator[Progress, None, None]


class TrainingRun:
    """A training with the history of its steps and validations."""

    def __init__(self, inputs: ExperimentInput, config: RecurrentConfig, training_config: TrainingConfig) -> None:
        """Initialize a training on the text of `inputs`."""
        self._inputs = inputs
        self.trainer = Trainer(config, training_config, inputs.train, len(inputs.vocabulary))
        self.steps: list[int] = []
        self.losses: list[float | None] = []
        """Nats a token of each step; None at a step at which the training diverged."""
        self.norms: list[float | None] = []
        """Of each step's gradient before clipping."""
        self.validated: list[tuple[int, float]] = []
        """Steps and the perplexity of the held-out text after them."""

    @property
    def diverged(self) -> bool:
        """Whether the training has stopped because its numbers are not finite."""
        return bool(self.losses) and self.losses[-1] is None

    @property
    def perplexity(self) -> float | None:
        """Perplexity of the last validation; None where there was none within bounds."""
        return self.validated[-1][1] if self.validated else None

    def advance(self) -> None:
        """Make a step, unless the training has diverged, and record its loss and norm."""
        if self.diverged:
            return
        loss, norm = None, None
        with suppress(TrainingFailed):
            loss, norm = self.trainer.advance()
        self.steps.append(len(self.steps) + 1)
        self.losses.append(loss)
        self.norms.append(norm)

    def validate(self) -> ProgressReports:
        """Record the perplexity of the held-out text, unless it is out of all bounds."""
        if self.diverged:
            return
        loss = yield from held_out_loss(self.trainer.model(), self._inputs.valid)
        if loss < MAX_VALIDATION_LOSS:
            self.validated.append((self.trainer.stats.step, math.exp(loss)))

    def run(self, name: str, steps: int, validations: int = 1) -> ProgressReports:
        """Make `steps` steps, with validations at equal distances, the last at the end."""
        every = max(1, steps // validations)
        for step in range(1, steps + 1):
            self.advance()
            if step % every == 0 or step == steps:
                yield from self.validate()
            yield Progress(name, step, steps)


def run_interleaved(advances: Sequence[Callable[[], object]], seconds: float) -> Generator[Progress, None, list[int]]:
    """Call each function for `seconds` in all, in turns; return how often each was called.

    In turns, so that whatever else the machine does slows all of them alike.
    """
    spent, calls = [0.0] * len(advances), [0] * len(advances)
    while min(spent) < seconds:
        for i, advance in enumerate(advances):
            began = time.perf_counter()
            while (elapsed := time.perf_counter() - began) < TURN_SECONDS and spent[i] + elapsed < seconds:
                advance()
                calls[i] += 1
            spent[i] += elapsed
        yield Progress("training by turns", round(min(spent)), round(seconds))
    return calls


def text_rows(tokens: TokenIds, count: int, length: int) -> Tensor:
    """Return rows [B, T] int64 of a text at equal distances, shorter where the text is."""
    length = min(length, len(tokens))
    starts = np.linspace(0, len(tokens) - length, count).astype(int)
    return torch.from_numpy(np.stack([tokens[at : at + length] for at in starts]).astype(np.int64))


@torch.no_grad()
def next_logprobs(network: Network, rows: Tensor, hooks: DropoutHooks = NO_DROPOUT) -> Tensor:
    """Return the log-probabilities [B * (T - 1), V] after each token but the last of rows [B, T]."""
    outputs, _ = network(rows[:, :-1], network.zero_state(len(rows)), hooks)
    return network.logprobs(outputs.flatten(0, 1))


def mean_loss(logprobs: Tensor, rows: Tensor) -> float:
    """Return the mean of -log P of the tokens that `next_logprobs` predicts, in nats."""
    return -float(logprobs.gather(1, rows[:, 1:].reshape(-1, 1)).mean(dtype=torch.float64))
