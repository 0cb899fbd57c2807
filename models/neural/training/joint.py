"""Training by several processes: `JointTrainer` averages weights, `JointSaver` saves all states.

Each process makes steps on its own rows of the batch, and every `average_every` steps the weights of all become their
mean (local SGD, Stich 2019). Moments of the optimizer stay each process's own: averaging them as well sends three times
as much, and gave no lower perplexity. With 1 the gradients are averaged before the step, which is the training of one
process but for the random numbers: the mean of weights after steps of Adam would be another.

A state of the training holds what is different in each process beside what is shared, in one file of the first process:
it is written in one step, and the machines need no shared folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from models.neural.training.state_file import StateSaver, with_prefix
from models.neural.training.trainer import Trainer

_SHARED = ("weights.", "best.", "average.")
"""Beginnings of the names of tensors that are the same in each process once the weights are averaged."""


class JointTrainer(Trainer):
    """Trainer of one process of several, those of its `world`."""

    @property
    def is_averaged(self) -> bool:
        """Whether the weights of this step are the same in each process."""
        step = self.stats.step
        measured = self.training_config.validate_every or self.steps_per_epoch
        return step % self.training_config.average_every == 0 or step % measured == 0 or step == self.steps

    def advance(self) -> tuple[float, float]:
        """Make one step, and average the weights where it is time; see `Trainer.advance`."""
        losses = super().advance()
        if self.is_averaged and self.training_config.average_every > 1:  # otherwise gradients are
            self.world.average(self.weights.averaged_tensors())
        return losses

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a saved state, with those of the other processes in the first.

        All processes call it together, at a step at which the weights are averaged.
        """
        tensors = super().tensors()
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith(_SHARED)}
        for rank, others in enumerate(self.world.gather(own)[1:], 1):
            tensors |= {f"{_prefix(rank)}{name}": tensor for name, tensor in others.items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor], json_state: dict[str, Any]) -> None:
        """Continue from what the first process read of a saved state; the others give nothing."""
        states = [(self._part(rank, tensors), json_state) for rank in range(self.world.size)]
        super().restore(*self.world.scatter(states if self.world.is_first else []))

    def _part(self, rank: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors that a process continues from."""
        if rank == 0:
            return tensors
        shared = {name: tensor for name, tensor in tensors.items() if name.startswith(_SHARED)}
        return shared | with_prefix(_prefix(rank), tensors)


class JointSaver(StateSaver):
    """Saver of the state of a training by several processes, which call its methods together."""

    def __init__(
        self,
        trainer: JointTrainer,
        identity: dict[str, Any],
        directory: Path | None,
        defaults: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Save states in the `directory` of the first process."""
        super().__init__(trainer, identity, directory if trainer.world.is_first else None, defaults)
        self._joint, self._world = trainer, trainer.world
        self._is_saving = bool(self._world.first_says(directory is not None))

    def save(self) -> None:
        """Write the state, from what all processes send."""
        if self._is_saving and not self._world.is_first:
            self._joint.tensors()
        super().save()

    def save_if_older(self, seconds: float) -> None:
        """Save when the first process last did `seconds` ago, if the weights are averaged at this step."""
        if self._is_saving and self._joint.is_averaged and self._world.first_says(self.is_older(seconds)):
            self.save()

    def save_when_closed(self) -> None:
        """Save nothing: the other processes may be at another step."""

    def resume(self, directory: Path | None) -> None:
        """Continue from the state in the first process's directory, where there is one."""
        if not self._world.first_says(directory is not None):
            return
        if self._world.is_first:
            super().resume(directory)
        else:
            self._joint.restore({}, {})


def _prefix(rank: int) -> str:
    return f"process{rank}."
