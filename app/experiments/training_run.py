"""Short trainings as experiments run them: for equal steps, or by turns for equal time, with what they went through.

It knows how long to train and what to note down. It does not know what is compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from app.experiments.finding import ExperimentInput
from models.errors import TrainingFailed
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.neural.training.trainer import Trainer
from models.utils.progress import Progress

TURN_SECONDS = 2.0
"""Seconds."""
ProgressReports = Generator[Progress, None, None]


class TrainingRun:
    """One training and its history."""

    def __init__(self, setting: ExperimentInput, config: RecurrentConfig, how: TrainingConfig) -> None:
        self._setting = setting
        self.trainer = Trainer(config, how, setting.train, len(setting.vocabulary))
        self.steps: list[int] = []
        self.losses: list[float | None] = []
        """Nats a token of each step; None from the step on at which they were no numbers any more."""
        self.norms: list[float | None] = []
        """Of each step's gradient before clipping."""
        self.validated: list[tuple[int, float]] = []
        """Steps and the perplexity of the held-out text after them."""

    @property
    def diverged(self) -> bool:
        """Whether it has broken off, its numbers being none."""
        return bool(self.losses) and self.losses[-1] is None

    @property
    def perplexity(self) -> float | None:
        """That of the last validation; None where there was none within bounds."""
        return self.validated[-1][1] if self.validated else None

    def advance(self) -> None:
        """A step, unless it has diverged; how it went is noted down."""
        if self.diverged:
            return
        told: tuple[float | None, float | None] = None, None
        with suppress(TrainingFailed):
            told = self.trainer.advance()
        self.steps.append(len(self.steps) + 1)
        self.losses.append(told[0])
        self.norms.append(told[1])

    def validate(self) -> ProgressReports:
        """Note down the perplexity of the held-out text now, unless it is out of all bounds."""
        if self.diverged:
            return
        loss = yield from held_out_loss(self.trainer.model(), self._setting.valid)
        if loss < 100:
            self.validated.append((self.trainer.stats.step, math.exp(loss)))

    def run(self, name: str, steps: int, validations: int = 1) -> ProgressReports:
        """Make so many steps, with validations at equal distances, the last at the end."""
        every = max(1, steps // validations)
        for step in range(1, steps + 1):
            self.advance()
            if step % every == 0 or step == steps:
                yield from self.validate()
            yield Progress(name, step, steps)


def run_interleaved(advances: Sequence[Callable[[], object]], seconds: float) -> Generator[Progress, None, list[int]]:
    """Call each for so many seconds, by turns, so that a machine's moods meet all alike; how often each was called."""
    spent, called = [0.0] * len(advances), [0] * len(advances)
    while min(spent) < seconds:
        for i, advance in enumerate(advances):
            began = time.perf_counter()
            while (elapsed := time.perf_counter() - began) < TURN_SECONDS and spent[i] + elapsed < seconds:
                advance()
                called[i] += 1
            spent[i] += elapsed
        yield Progress("training by turns", round(min(spent)), round(seconds))
    return called
