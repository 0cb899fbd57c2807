"""The loop of every training: steps, and between them measurements, reports and saved states.

`run_steps` drives a `TrainingRun`, which says what is measured and reported; trainings of language models and of tasks
have one each.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, Generic, Protocol, TypeVar

from models.errors import TrainingDiverged
from models.neural.training.config import OptimizationConfig
from models.neural.training.divergence import last_steps
from models.neural.training.state_file import StateSaver
from models.neural.training.step_stats import StepStats
from models.utils.progress import Progress


class SteppingTrainer(Protocol):
    """A trainer as the loop sees it."""

    steps: int
    """Planned in all."""
    steps_per_epoch: int
    stats: Any
    """Its StepStats."""

    def advance(self) -> tuple[float, float]:
        """Make one step; return its loss in nats and its gradient norm. Raises TrainingDiverged."""


AnyTrainer = TypeVar("AnyTrainer", bound=SteppingTrainer)


class TrainingRun(ABC, Generic[AnyTrainer]):
    """A training from where it stands to its end: what it measures, and what it reports."""

    def __init__(self, trainer: AnyTrainer, config: OptimizationConfig) -> None:
        """Begin to count the time of `trainer`, whose state may have been restored."""
        self.trainer, self._config = trainer, config
        self._began, self._first_step = time.monotonic(), self.stats.step
        self.step_seconds = 0.0
        """Time of the steps made, without measurements and saving."""

    @property
    def stats(self) -> StepStats:
        """Running means of the steps."""
        stats: StepStats = self.trainer.stats
        return stats

    @property
    def steps_made(self) -> int:
        """Steps of this run."""
        return self.stats.step - self._first_step

    @property
    @abstractmethod
    def measured_at(self) -> int:
        """Step of the last measurement."""

    @abstractmethod
    def measure(self) -> Generator[Progress, None, None]:
        """Measure the present weights, and keep them if they are the best."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """Return the metrics of a report."""

    def tokens_per_second(self) -> float | None:
        """Return the speed of the steps, where it is told."""
        return None

    def step(self) -> tuple[float, float]:
        """Make a step and count its time; return its loss and gradient norm."""
        before = time.monotonic()
        losses = self.trainer.advance()
        self.step_seconds += time.monotonic() - before
        return losses

    def is_due(self) -> bool:
        """Return whether the present step is one to measure at, and has not been measured."""
        step, every = self.stats.step, self._config.validate_every or self.trainer.steps_per_epoch
        return step > self.measured_at and (step % every == 0 or step == self.trainer.steps)

    def is_finished(self) -> bool:
        """Return whether all steps are made, or measurements have not improved for too long."""
        return self.stats.step >= self.trainer.steps or 0 < self._config.patience <= self.stats.worse

    def report(self) -> Progress:
        """Return the progress; the seconds left allow for measurements and saving at the rate seen so far."""
        step, seconds = self.stats.step, time.monotonic() - self._began
        return Progress(
            phase="training",
            step=step,
            steps=self.trainer.steps,
            epoch=step / self.trainer.steps_per_epoch,
            tokens_per_second=self.tokens_per_second(),
            seconds_left=seconds / self.steps_made * (self.trainer.steps - step) if self.steps_made else None,
            metrics=self.metrics(),
        )


def run_steps(
    run: TrainingRun[AnyTrainer], saver: StateSaver, save_seconds: float, report_every: int
) -> Generator[Progress, None, None]:
    """Train to the end; report every `report_every` steps and after measurements.

    The state is saved every `save_seconds`, at the end, and when the generator is closed. A training that diverges
    first reports each step since the last report, with the loss and gradient norm of that step alone. Raises
    TrainingDiverged.
    """
    unreported: list[tuple[float, float]] = []
    try:
        while True:
            if run.is_due():
                yield from run.measure()
                unreported.clear()
                yield run.report()
            if run.is_finished():
                break
            unreported.append(run.step())
            if run.stats.step % report_every == 0:
                unreported.clear()
                yield run.report()
            saver.save_if_older(save_seconds)
    except GeneratorExit:
        # Closed at a report, so between two steps. An interrupt within a step leaves half of one: not to be saved.
        saver.save_when_closed()
        raise
    except TrainingDiverged as error:  # a report from here may be the last: half of a step is made, and not to be saved
        yield from last_steps(unreported, error, run.trainer.steps, run.trainer.steps_per_epoch)
        raise
    saver.save()
