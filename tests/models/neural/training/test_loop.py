"""The loop of a training, driven with made-up losses."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import cast

import pytest

from models.errors import TrainingDiverged
from models.neural.training.config import OptimizationConfig
from models.neural.training.loop import TrainingRun, run_steps
from models.neural.training.state_file import StateSaver
from models.neural.training.step_stats import StepStats
from models.utils.progress import Progress, run_to_completion


@dataclass
class MadeUpTrainer:
    """A trainer of five steps an epoch whose loss falls by one a step; it diverges at a given step."""

    steps: int = 20
    steps_per_epoch: int = 5
    diverges_at: int = 1000
    stats: StepStats = field(default_factory=StepStats)

    def advance(self) -> tuple[float, float]:
        if self.stats.step + 1 == self.diverges_at:
            raise TrainingDiverged(self.diverges_at, float("inf"), 1.0, learning_rate=1.0, clip=0.0)
        loss = 100.0 - self.stats.step
        self.stats.record_loss(loss)
        return loss, 0.5


class Run(TrainingRun[MadeUpTrainer]):
    """A run whose first measurement is its best."""

    measured = 0

    @property
    def measured_at(self) -> int:
        return self.measured

    def measure(self) -> Generator[Progress, None, None]:
        yield Progress("validating", 0, 0)
        self.stats.record_measurement(best=self.measured == 0)
        self.measured = self.stats.step

    def metrics(self) -> dict[str, float]:
        return {"loss": self.stats.mean_loss}


class Saver:
    """Counts what is saved."""

    saves = 0

    def save(self) -> None:
        self.saves += 1

    def save_when_closed(self) -> None:
        self.saves += 1

    def save_if_older(self, seconds: float) -> None:
        assert seconds == 60


def steps_of(trainer: MadeUpTrainer, saver: Saver, **config: int) -> Generator[Progress, None, None]:
    return run_steps(Run(trainer, OptimizationConfig(**config)), cast(StateSaver, saver), 60, report_every=4)


def test_run_steps_reports_at_intervals_and_after_each_measurement() -> None:
    saver = Saver()
    reports = [(progress.phase, progress.step) for progress in steps_of(MadeUpTrainer(steps=10), saver)]
    validation = ("validating", 0)
    expected = [("training", 4), validation, ("training", 5), ("training", 8), validation, ("training", 10)]
    assert reports == expected
    assert saver.saves == 1


def test_run_steps_ends_early_where_measurements_do_not_improve() -> None:
    trainer = MadeUpTrainer()
    assert list(steps_of(trainer, Saver(), patience=2))
    assert (trainer.stats.step, trainer.stats.best_step, trainer.stats.worse) == (15, 5, 2)


def test_run_steps_saves_when_it_is_closed() -> None:
    saver = Saver()
    running = steps_of(MadeUpTrainer(), saver)
    assert next(running).step == 4
    running.close()
    assert saver.saves == 1


def test_run_steps_tells_the_last_steps_of_a_training_that_diverges_and_saves_nothing() -> None:
    saver, reports = Saver(), list[Progress]()
    running = steps_of(MadeUpTrainer(diverges_at=7), saver)
    with pytest.raises(TrainingDiverged):
        run_to_completion(running, reports.append)
    assert [report.metrics["loss"] for report in reports if report.step > 5] == [95.0, float("inf")]
    assert saver.saves == 0
