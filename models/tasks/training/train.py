"""Training of a task's network from beginning to end, as a generator that yields its progress.

`train_task` measures, reports, saves and resumes; `TaskTrainer` makes the steps. The number of threads is the caller's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from models.errors import TrainingDiverged
from models.neural.training.divergence import last_steps
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
        InvalidInput: `resume_from` holds the state of another training.
        CheckpointNotFound, CheckpointDamaged: `resume_from` holds no state, or one that cannot be read.
    """
    trainer = TaskTrainer(problem, config, initial)
    shapes = {name: list(weight.shape) for name, weight in problem.network.named_parameters()}
    saver = StateSaver(trainer, problem.identity | {"recipe": asdict(config), "weights": shapes}, save_to)
    if resume_from:
        saver.restore(resume_from)
    began, first_step = time.monotonic(), trainer.stats.step
    unreported: list[tuple[float, float]] = []
    try:
        while True:
            if _measurement_is_due(trainer):
                yield from _measure(trainer)
                unreported.clear()
                yield _report(trainer, began, first_step)
            if _is_finished(trainer):
                break
            unreported.append(trainer.advance())
            if trainer.stats.step % report_every == 0:
                unreported.clear()
                yield _report(trainer, began, first_step)
            saver.save_if_older(save_seconds)
    except GeneratorExit:
        saver.save()  # closed at a report, so between two steps
        raise
    except TrainingDiverged as error:  # half of a step is made, and not to be saved
        yield from last_steps(unreported, error, trainer.steps, trainer.steps_per_epoch)
        raise
    saver.save()
    return _result(trainer, _report(trainer, began, first_step))


def _measure(trainer: TaskTrainer[TaskModel]) -> Generator[Progress, None, None]:
    """Measure the present weights, and record their figures where anything was held out."""
    figures = yield from trainer.problem.measure(trainer.model())
    trainer.stats.measured_at = trainer.stats.step
    if figures:
        trainer.record_figures(figures)


def _measurement_is_due(trainer: TaskTrainer[TaskModel]) -> bool:
    """Tell whether the present step is one to measure at, and has not been measured."""
    step, every = trainer.stats.step, trainer.config.validate_every or trainer.steps_per_epoch
    return step > trainer.stats.measured_at and (step % every == 0 or step == trainer.steps)


def _is_finished(trainer: TaskTrainer[TaskModel]) -> bool:
    """Tell whether all steps are made, or measurements have not improved for too long."""
    return trainer.stats.step >= trainer.steps or 0 < trainer.config.patience <= trainer.stats.worse


def _report(trainer: TaskTrainer[TaskModel], began: float, first_step: int) -> Progress:
    """Return the progress of a training that began at time `began` (seconds) from step `first_step`."""
    stats, steps = trainer.stats, trainer.stats.step - first_step
    seconds = time.monotonic() - began
    mean_loss = stats.loss / stats.weight if stats.weight else math.nan
    return Progress(
        phase="training",
        step=stats.step,
        steps=trainer.steps,
        epoch=stats.step / trainer.steps_per_epoch,
        seconds_left=seconds / steps * (trainer.steps - stats.step) if steps else None,
        metrics={
            "learning_rate": trainer.learning_rate,
            "loss": mean_loss,
            "weight_norm": trainer.weights.norm(),
            **stats.figures,
        },
    )


def _result(trainer: TaskTrainer[TaskModel], report: Progress) -> TaskTrainingResult[TaskModel]:
    """Return the outcome of a finished training."""
    stats, best = trainer.stats, bool(trainer.weights.best)
    step = stats.best_step if best else stats.step
    metrics = {**report.metrics, "weight_norm": trainer.weights.norm(best=best), **stats.best_figures}
    return TaskTrainingResult(trainer.model(best=best), step, stats.step, metrics)
