"""Exploding gradients: a training that needs clipping, with and without it.

It knows a recipe that explodes: a plain recurrent network of rectified units, whose sums grow from token to token, and
steps in proportion to the gradient (Pascanu et al. 2013).
"""

from __future__ import annotations

from collections.abc import Generator

from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

LIMITS = (0.0, 0.25)
"""Norms that gradients are scaled down to; 0 leaves them as they are."""


def run(setting: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train twice from the same weights on the same windows."""
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=setting.size, hidden_size=setting.size)
    curves, rows = [], []
    for limit in LIMITS:
        name = f"clipped at {limit:g}" if limit else "not clipped"
        how = TrainingConfig(
            optimiser="sgd", learning_rate=1.0, momentum=0.0, schedule="constant", clip=limit, dropout=0.0, bptt=64,
            weight_decay=0.0, initialisation="he",
        )  # fmt: skip
        course = TrainingRun(setting, config, how)
        yield from course.run(name, setting.steps)
        tally = course.trainer.stats
        curves.append(Curve(name, course.steps, course.norms))
        rows.append(
            {
                "clip": limit,
                "diverged_at": course.steps[-1] if course.diverged else None,
                "loss": None if course.diverged else tally.loss / tally.weight,
                "largest_norm": max((norm for norm in course.norms if norm is not None), default=None),
                "clipped_fraction": tally.clipped / tally.step if tally.step else 0.0,
                "perplexity": course.perplexity,
            }
        )
    return Finding(
        "clipping",
        "a training whose gradients explode is saved by scaling them down to a bound",
        rows[0]["diverged_at"] is not None and rows[1]["diverged_at"] is None,
        rows,
        curves,
        ("step", "norm of the gradient before clipping"),
        logarithmic=True,
    )
