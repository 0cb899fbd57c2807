"""Exploding gradients: a training that needs clipping, with and without it.

The recipe is one that explodes (Pascanu et al. 2013): a plain recurrent network of rectified units, whose sums grow
from token to token, and steps in proportion to the gradient.
"""

from __future__ import annotations

from collections.abc import Generator

from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

LIMITS = (0.0, 0.25)
"""Norms that gradients are scaled down to; 0 leaves them as they are."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train twice from the same weights on the same batches."""
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    curves, rows = [], []
    for limit in LIMITS:
        name = f"clipped at {limit:g}" if limit else "not clipped"
        training_config = TrainingConfig(
            optimiser="sgd", learning_rate=1.0, momentum=0.0, schedule="constant", clip=limit, dropout=0.0, bptt=64,
            weight_decay=0.0, initialisation="he",
        )  # fmt: skip
        training = TrainingRun(inputs, config, training_config)
        yield from training.run(name, inputs.steps)
        stats = training.trainer.stats
        curves.append(Curve(name, training.steps, training.norms))
        row = {
            "clip": limit,
            "diverged_at": training.steps[-1] if training.diverged else None,
            "loss": None if training.diverged else stats.loss / stats.weight,
            "largest_norm": max((norm for norm in training.norms if norm is not None), default=None),
            "clipped_fraction": stats.clipped / stats.step if stats.step else 0.0,
            "perplexity": training.perplexity,
        }
        rows.append(row)
    return Finding(
        "clipping",
        "a training whose gradients explode is saved by scaling them down to a bound",
        rows[0]["diverged_at"] is not None and rows[1]["diverged_at"] is None,
        rows,
        curves,
        ("step", "norm of the gradient before clipping"),
        logarithmic=True,
    )
