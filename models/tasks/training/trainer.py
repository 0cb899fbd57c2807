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

from models.errors import InvalidInput, TrainingDiverged, TrainingFailed
from models.model import Floats
from models.neural.training.initialization import fill_matrix
from models.neural.training.optimizer import (
    WeightAverage,
    clip_gradients,
    learning_rate_at,
    make_optimizer,
    set_learning_rate,
    weight_norm,
)
from models.neural.training.state_file import optimizer_tensors, restore_optimizer, with_prefix
from models.neural.training.trainer import dropout_hooks
from models.tasks.training.batches import LengthBatches
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.problem import StepContext, TaskModel, TaskNetwork, TaskProblem
from models.threads import thread_count

_DECAY = 0.98
"""Share that a running mean keeps of its past at each step: it looks back over some fifty steps."""
_FORGET_BIAS = 1.0
"""Bias of an LSTM's forget gate at the start, with which it remembers by default (Jozefowicz et al. 2015)."""


@dataclass
class TaskStats:
    """Numbers of a training that are not tensors; the fields are keys of saved training states."""

    step: int = 0
    loss: float = 0.0
    """Decaying sum of the steps' losses."""
    weight: float = 0.0
    """Divisor of `loss` for a running mean."""
    measured_at: int = 0
    """Step of the last measurement."""
    figures: dict[str, float] = field(default_factory=dict)
    """Figures of the last measurement."""
    best_figures: dict[str, float] = field(default_factory=dict)
    """Figures of the best measurement."""
    best_step: int = 0
    worse: int = 0
    """Measurements since the best one."""

    def record_step(self, loss: float) -> None:
        """Count a step and its loss in nats."""
        self.step += 1
        self.weight = _DECAY * self.weight + 1
        self.loss = _DECAY * self.loss + loss

    def record_figures(self, figures: dict[str, float]) -> bool:
        """Record the figures of a measurement; return whether the first is the best so far."""
        self.measured_at, self.figures = self.step, figures
        best = not self.best_figures or next(iter(figures.values())) > next(iter(self.best_figures.values()))
        if best:
            self.best_figures, self.best_step, self.worse = figures, self.step, 0
        else:
            self.worse += 1
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
        self.best: dict[str, Tensor] = {}
        """Weights of the best measurement; empty before the first."""
        self._random = torch.Generator().manual_seed(config.seed)
        initialize(self.network, config, self._random)
        begin_with(self.network, initial or {})
        hooks = dropout_hooks(config, len(self.network.encoder.embedding), self._random)
        self._context = StepContext(hooks, self._random, config.unknown_rate, config.label_smoothing)
        self._optimizer = make_optimizer(config.optimiser, self.network, config.weight_decay, config.momentum)
        self._average = WeightAverage(self.network.state_dict(), config.averaging) if config.averaging else None

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        config = self.config
        return learning_rate_at(config.schedule, config.learning_rate, self.stats.step, self.steps, config.warm_up)

    def advance(self) -> tuple[float, float]:
        """Make one step; return its loss in nats, and the norm of the gradient before clipping.

        Raises TrainingDiverged when either is not finite.
        """
        config = self.config
        self._optimizer.zero_grad()
        mean_loss = self.problem.loss(self._batches.rows(self.stats.step), self._context)
        mean_loss.backward()  # type: ignore[no-untyped-call]
        loss, norm = mean_loss.item(), clip_gradients(self.network.parameters(), config.clip)
        if not np.isfinite((loss, norm)).all():
            step = self.stats.step + 1
            raise TrainingDiverged(step, loss, norm, learning_rate=config.learning_rate, clip=config.clip)
        set_learning_rate(self._optimizer, self.learning_rate)
        self._optimizer.step()
        self.stats.record_step(loss)
        if self._average:
            self._average.update(self.stats.step)
        return loss, norm

    def weight_norm(self, *, best: bool = False) -> float:
        """Return the L2 norm of all matrices of current or best weights: what weight decay keeps small."""
        return weight_norm((self.best if best else self._weights()).values())

    def record_figures(self, figures: dict[str, float]) -> None:
        """Record the figures of a measurement; copy the weights if it is the best so far."""
        if self.stats.record_figures(figures):
            self.best = {name: tensor.clone() for name, tensor in self._weights().items()}

    def model(self, *, best: bool = False) -> TaskModel:
        """Return a model of current or best weights, whose memory it may share: use it before the next step."""
        return self.problem.model(self.arrays(best=best))

    def arrays(self, *, best: bool = False) -> dict[str, Floats]:
        """Return current or best weights by name; they share the training's memory."""
        weights = self.best if best else self._weights()
        return {name: weight.detach().numpy() for name, weight in weights.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a saved state: all that the next step depends on, and the best weights."""
        tensors = {f"weights.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        if self._average:
            tensors |= {f"average.{name}": tensor for name, tensor in self._average.weights.items()}
        return tensors | optimizer_tensors(self._optimizer) | {"random": self._random.get_state()}

    def json_state(self) -> dict[str, Any]:
        """Return everything else that the next step depends on, JSON-ready."""
        return asdict(self.stats)

    def restore(self, tensors: dict[str, Tensor], json_state: dict[str, Any]) -> None:
        """Continue from what `tensors` and `json_state` returned in a training of the same recipe."""
        self.stats = TaskStats(**json_state)
        self.network.load_state_dict(with_prefix("weights.", tensors))
        self.best = with_prefix("best.", tensors)
        if self._average:
            self._average.weights = with_prefix("average.", tensors)
        restore_optimizer(self._optimizer, tensors)
        self._random.set_state(tensors["random"])

    def _weights(self) -> dict[str, Tensor]:
        """Return the weights of a model of this moment: averaged ones where the training averages."""
        return self._average.weights if self._average else self.network.state_dict()


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
