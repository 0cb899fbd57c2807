"""Reports of a training that diverges: its last steps one by one, so that the explosion is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.errors import TrainingDiverged
from models.utils.progress import Progress


def last_steps(
    unreported: Sequence[tuple[float, float]], divergence: TrainingDiverged, steps: int, steps_per_epoch: int
) -> Iterator[Progress]:
    """Yield reports of the steps since the last one, up to that at which a training of `steps` diverged.

    `unreported` has the loss (nats) and gradient norm of each step before that one; other reports hold running means.
    """
    losses = [*unreported, (divergence.loss, divergence.gradient_norm)]
    for step, (loss, norm) in enumerate(losses, divergence.step + 1 - len(losses)):
        metrics = {"loss": loss, "gradient_norm": norm}
        yield Progress("training", step, steps, epoch=step / steps_per_epoch, metrics=metrics)
