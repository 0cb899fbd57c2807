"""Numbers that every training keeps of its steps: running means, and how its measurements went."""

from __future__ import annotations

from dataclasses import dataclass

DECAY = 0.98
"""Share that a running mean keeps of its past at each step: it looks back over some fifty steps."""


@dataclass
class StepStats:
    """Steps of a training; the fields are keys of saved training states.

    >>> stats = StepStats()
    >>> for loss in (4.0, 2.0):
    ...     stats.record_loss(loss)
    >>> stats.step, round(stats.mean_loss, 2)
    (2, 2.99)
    """

    step: int = 0
    weight: float = 0.0
    """Divisor of a decaying sum for a running mean."""
    loss: float = 0.0
    """Decaying sum of the steps' losses in nats."""
    best_step: int = 0
    """Step of the best measurement."""
    worse: int = 0
    """Measurements since the best one."""

    @property
    def mean_loss(self) -> float:
        """Running mean of the losses, once there is a step."""
        return self.loss / self.weight

    def record_loss(self, loss: float) -> None:
        """Count a step and its loss in nats."""
        self.step += 1
        self.weight = DECAY * self.weight + 1
        self.loss = DECAY * self.loss + loss

    def record_measurement(self, *, best: bool) -> None:
        """Record whether a measurement at the present step is the best so far."""
        self.best_step, self.worse = (self.step, 0) if best else (self.best_step, self.worse + 1)
