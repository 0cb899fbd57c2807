"""Training of a task's network from beginning to end, as a generator that yields its progress.

`train_task` measures, reports, saves and resumes; `TaskTrainer` makes the steps. The number of threads is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from models.neural.training.loop import TrainingRun, run_steps
from models.neural.training.state_file import StateSaver
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.options import FitOptions, encoder_arrays
from models.tasks.training.problem import TaskModel, TaskProblem
from models.tasks.training.trainer import TaskTrainer
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


@dataclass(frozen=True)
class TaskTrainingResult(Generic[TaskModel]):
    """Outcome of a finished training."""

    model: TaskModel
    """Weights of the best measurement; the last ones where nothing was held out."""
    model_step: int
    """Step that the weights are of."""
    steps: int
    """Steps made; fewer than planned when training stopped early."""
    metrics: dict[str, float]
    """Metrics of the last report, and the figures of the model on what was held out."""

    @property
    def card_metrics(self) -> dict[str, float]:
        """The metrics with the step of the weights and the steps made."""
        return {"best_step": self.model_step, "steps": self.steps, **self.metrics}


def train_with(
    problem: TaskProblem[TaskModel],
    options: FitOptions,
    tokenizer: Tokenizer,
    initial: Mapping[str, NDArray[np.floating]] | None = None,
) -> Generator[Progress, None, TaskTrainingResult[TaskModel]]:
    """Train as `train_task` does with the options of a task, whose weights come before `initial`."""
    return train_task(
        problem,
        options.training,
        initial={**(initial or {}), **encoder_arrays(options, tokenizer)},
        resume_from=options.resume_from,
        save_to=options.workdir,
        save_seconds=options.save_seconds,
    )


def train_task(
    problem: TaskProblem[TaskModel],
    config: TaskTrainingConfig,
    *,
    initial: Mapping[str, NDArray[np.floating]] | None = None,
    resume_from: Path | None = None,
    save_to: Path | None = None,
    save_seconds: float = 60.0,
    report_every: int = 10,
) -> Generator[Progress, None, TaskTrainingResult[TaskModel]]:
    """Train the network of `problem`; the first figure of its measurements chooses the best weights.

    A training that is resumed with the same arguments and number of threads gives the same model, bit for bit. One that
    diverges reports its last steps as `models.neural.training.train` does.

    Args:
        initial: Weights to begin with, by name (`begin_with`).
        resume_from: Directory with a saved state to continue from.
        save_to: Directory for the state: written every `save_seconds`, at the end, and when the generator is closed.
        report_every: Steps between two reports.

    Raises:
        TrainingFailed: There are no examples; TrainingDiverged, if the numbers diverge.
        StateMismatch: `resume_from` holds the state of another training.
        CheckpointNotFound, UnusableState: `resume_from` holds no state, or one that cannot be read.
    """
    trainer = TaskTrainer(problem, config, initial)
    shapes = {name: list(weight.shape) for name, weight in problem.network.named_parameters()}
    identity = problem.identity | {"recipe": asdict(config), "weights": shapes}
    saver = StateSaver(trainer, identity, save_to, {"recipe": asdict(TaskTrainingConfig())})
    if resume_from:
        saver.restore(resume_from)
    run = _TaskRun(trainer, config)
    yield from run_steps(run, saver, save_seconds, report_every)
    return _result(trainer, run.report())


class _TaskRun(TrainingRun[TaskTrainer[TaskModel]]):
    """Training of a task's network that is measured on held-out examples."""

    @property
    def measured_at(self) -> int:
        return self.trainer.stats.measured_at

    def measure(self) -> Generator[Progress, None, None]:
        """Measure the present weights, and record their figures where anything was held out."""
        figures = yield from self.trainer.problem.measure(self.trainer.model())
        self.trainer.stats.measured_at = self.trainer.stats.step
        if figures:
            self.trainer.record_figures(figures)

    def metrics(self) -> dict[str, float]:
        stats = self.trainer.stats
        return {
            "learning_rate": self.trainer.learning_rate,
            "loss": stats.mean_loss if stats.step else math.nan,
            "weight_norm": self.trainer.weights.norm(),
            **stats.figures,
        }


def _result(trainer: TaskTrainer[TaskModel], report: Progress) -> TaskTrainingResult[TaskModel]:
    """Return the outcome of a finished training."""
    stats, best = trainer.stats, bool(trainer.weights.best)
    step = stats.best_step if best else stats.step
    metrics = {**report.metrics, "weight_norm": trainer.weights.norm(best=best), **stats.best_figures}
    return TaskTrainingResult(trainer.model(best=best), step, stats.step, metrics)
