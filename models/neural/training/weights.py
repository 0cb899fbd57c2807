"""Weights of a network in training: how a loss changes them, their running mean, the best ones.

Trainings of language models and of tasks share `TrainedWeights`; what a step reads is their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor, nn

from models.errors import TrainingDiverged
from models.model import Floats
from models.neural.training.config import OptimizationConfig
from models.neural.training.optimizer import (
    WeightAverage,
    clip_gradients,
    learning_rate_at,
    make_optimizer,
    set_learning_rate,
    weight_norm,
)
from models.neural.training.state_file import optimizer_tensors, restore_optimizer, with_prefix


class TrainedWeights:
    """Weights of a network, the optimizer that changes them, and copies of them."""

    def __init__(
        self,
        network: nn.Module,
        config: OptimizationConfig,
        steps: int,
        average_gradients: Callable[[Sequence[Tensor]], None] | None = None,
    ) -> None:
        """Train the initialized `network` for a planned number of `steps`.

        `average_gradients` replaces gradients by their means over the processes that train together, where there are
        several.
        """
        self.best: dict[str, Tensor] = {}
        """Weights of the best measurement; empty before the first."""
        self._network, self._config, self._steps = network, config, steps
        self._average_gradients = average_gradients
        self._optimizer = make_optimizer(config.optimiser, network, config.weight_decay, config.momentum)
        self._average = WeightAverage(network.state_dict(), config.averaging) if config.averaging else None

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of step 0, 1, ..."""
        config = self._config
        return learning_rate_at(config.schedule, config.learning_rate, step, self._steps, config.warm_up)

    def advance(self, mean_loss: Tensor, step: int) -> tuple[float, float]:
        """Change the weights by the gradient of a loss, in step 0, 1, ...

        Returns the loss in nats, and the norm of the gradient before clipping. Raises TrainingDiverged, which counts
        steps from 1, when either is not finite.
        """
        config = self._config
        self._optimizer.zero_grad()
        mean_loss.backward()  # type: ignore[no-untyped-call]
        if self._average_gradients:
            self._average_gradients([p.grad for p in self._network.parameters() if p.grad is not None])
        loss, norm = mean_loss.item(), clip_gradients(self._network.parameters(), config.clip)
        if not np.isfinite((loss, norm)).all():
            raise TrainingDiverged(step + 1, loss, norm, learning_rate=config.learning_rate, clip=config.clip)
        set_learning_rate(self._optimizer, self.learning_rate(step))
        self._optimizer.step()
        if self._average:
            self._average.update(step + 1)
        return loss, norm

    def averaged_tensors(self) -> list[Tensor]:
        """Return the tensors that several processes average: weights, and their running mean if any."""
        return [*self._network.state_dict().values(), *(self._average.weights.values() if self._average else ())]

    def keep_best(self) -> None:
        """Copy the weights of this moment as the best ones."""
        self.best = {name: tensor.clone() for name, tensor in self._current().items()}

    def arrays(self, *, best: bool = False) -> dict[str, Floats]:
        """Return current or best weights by name; they share the training's memory."""
        return {name: weight.detach().numpy() for name, weight in self._chosen(best).items()}

    def norm(self, *, best: bool = False) -> float:
        """Return the L2 norm of all matrices of current or best weights: what weight decay keeps small."""
        return weight_norm(self._chosen(best).values())

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a saved state."""
        tensors = {f"weights.{name}": tensor for name, tensor in self._network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        if self._average:
            tensors |= {f"average.{name}": tensor for name, tensor in self._average.weights.items()}
        return tensors | optimizer_tensors(self._optimizer)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue from what `tensors` returned in a training of the same recipe."""
        self._network.load_state_dict(with_prefix("weights.", tensors))
        self.best = with_prefix("best.", tensors)
        if self._average:
            self._average.weights = with_prefix("average.", tensors)
        restore_optimizer(self._optimizer, tensors)

    def _chosen(self, best: bool) -> dict[str, Tensor]:
        return self.best if best else self._current()

    def _current(self) -> dict[str, Tensor]:
        """Return the weights of a model of this moment: averaged ones where the training averages."""
        return self._average.weights if self._average else self._network.state_dict()
