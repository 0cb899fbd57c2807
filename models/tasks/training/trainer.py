"""A task's network in training: its weights and everything else that changes from step to step.

`TaskTrainer.advance` makes one step. `models.tasks.training.train` decides when to measure, report, save and stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import InvalidInput, TrainingFailed
from models.neural.training.initialization import fill_matrix
from models.neural.training.step_stats import StepStats
from models.neural.training.trainer import dropout_hooks
from models.neural.training.weights import TrainedWeights
from models.tasks.training.batches import LengthBatches
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.problem import StepContext, TaskModel, TaskNetwork, TaskProblem
from models.threads import thread_count

_FORGET_BIAS = 1.0
"""Bias of an LSTM's forget gate at the start, with which it remembers by default (Jozefowicz et al. 2015)."""


@dataclass
class TaskStats(StepStats):
    """Numbers of a training that are not tensors."""

    measured_at: int = 0
    """Step of the last measurement."""
    figures: dict[str, float] = field(default_factory=dict)
    """Figures of the last measurement."""
    best_figures: dict[str, float] = field(default_factory=dict)
    """Figures of the best measurement."""

    def record_figures(self, figures: dict[str, float]) -> bool:
        """Record the figures of a measurement; return whether the first is the best so far."""
        self.measured_at, self.figures = self.step, figures
        best = not self.best_figures or next(iter(figures.values())) > next(iter(self.best_figures.values()))
        if best:
            self.best_figures = figures
        self.record_measurement(best=best)
        return best


class TaskTrainer(Generic[TaskModel]):
    """Weights, optimizer, order of examples and random numbers of one training."""

    def __init__(
        self,
        problem: TaskProblem[TaskModel],
        config: TaskTrainingConfig,
        initial: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> None:
        """Initialize a training; weights named in `initial` begin with its numbers, save those that are NaN.

        Raises TrainingFailed without any example.
        """
        if not len(problem.lengths):
            raise TrainingFailed("there are no training examples")
        self.problem, self.config, self.network = problem, config, problem.network
        torch.set_num_threads(thread_count())  # PyTorch may have been imported after the number was set
        self._batches = LengthBatches(problem.lengths, config.batch_size, config.seed)
        self.steps_per_epoch = self._batches.steps_per_epoch
        self.steps = max(1, round(config.epochs * self.steps_per_epoch))
        self.stats = TaskStats()
        self._random = torch.Generator().manual_seed(config.seed)
        initialize(self.network, config, self._random)
        begin_with(self.network, initial or {})
        hooks = dropout_hooks(config, len(self.network.encoder.embedding), self._random)
        self._context = StepContext(hooks, self._random, config.unknown_rate, config.label_smoothing)
        self.weights = TrainedWeights(self.network, config, self.steps)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        return self.weights.learning_rate(self.stats.step)

    def advance(self) -> tuple[float, float]:
        """Make one step; return its loss in nats, and the norm of the gradient before clipping.

        Raises TrainingDiverged when either is not finite.
        """
        mean_loss = self.problem.loss(self._batches.rows(self.stats.step), self._context)
        loss, norm = self.weights.advance(mean_loss, self.stats.step)
        self.stats.record_loss(loss)
        return loss, norm

    def record_figures(self, figures: dict[str, float]) -> None:
        """Record the figures of a measurement; copy the weights if it is the best so far."""
        if self.stats.record_figures(figures):
            self.weights.keep_best()

    def model(self, *, best: bool = False) -> TaskModel:
        """Return a model of current or best weights, whose memory it may share: use it before the next step."""
        return self.problem.model(self.weights.arrays(best=best))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a saved state: all that the next step depends on, and the best weights."""
        return self.weights.tensors() | {"random": self._random.get_state()}

    def json_state(self) -> dict[str, Any]:
        """Return everything else that the next step depends on, JSON-ready."""
        return asdict(self.stats)

    def restore(self, tensors: dict[str, Tensor], json_state: dict[str, Any]) -> None:
        """Continue from what `tensors` and `json_state` returned in a training of the same recipe."""
        self.stats = TaskStats(**json_state)
        self.weights.restore(tensors)
        self._random.set_state(tensors["random"])


@torch.no_grad()
def initialize(network: TaskNetwork, config: TaskTrainingConfig, generator: torch.Generator) -> None:
    """Fill every parameter in place: random matrices, zero biases, and forget gates that remember."""
    method, scale = config.initialisation, config.initial_scale
    for parameter in network.parameters():
        parameter.zero_()
    for gate in network.encoder.gates():
        fill_matrix(gate, len(gate), method, scale, generator)
    for bias in network.encoder.forget_biases():
        bias.fill_(_FORGET_BIAS)
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1 and "weight_ih" not in name and "weight_hh" not in name:
            # A table of token vectors counts as square: however many tokens there are, each touches one row of it.
            is_table = name.endswith("embedding")
            fill_matrix(parameter, parameter.shape[1] if is_table else len(parameter), method, scale, generator)


@torch.no_grad()
def begin_with(network: TaskNetwork, initial: Mapping[str, NDArray[np.floating]]) -> None:
    """Copy `initial` numbers into the weights of that name, save where they are NaN. Raises InvalidInput."""
    parameters = dict(network.named_parameters())
    for name, array in initial.items():
        if name not in parameters or parameters[name].shape != array.shape:
            raise InvalidInput("initialize_from", f"its {name} {list(array.shape)} does not fit this network")
        numbers = torch.from_numpy(np.asarray(array, np.float32))
        parameters[name].copy_(torch.where(numbers.isnan(), parameters[name], numbers))
