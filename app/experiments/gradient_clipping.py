"""Exploding gradients: a training that needs clipping, with and without it.

The recipe is one that explodes (Pascanu et al. 2013): a plain recurrent network of rectified units, whose sums grow
from token to token, and steps in proportion to the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from app.experiments.claim import Claim, always, summary
from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity
from app.experiments.training_run import TrainingRun
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

TRAINING_CONFIG = TrainingConfig(
    optimiser="sgd", learning_rate=1.0, momentum=0.0, schedule="constant", dropout=0.0, bptt=64, weight_decay=0.0,
    initialisation="he",
)  # fmt: skip
LIMITS = (0.0, 0.25)
"""Norms that gradients are scaled down to; 0 leaves them as they are."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train twice from the same weights on the same batches, for each seed."""
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    rows, curves = [], []
    runs: list[list[TrainingRun]] = []
    for limit in LIMITS:
        name = f"clipped at {limit:g}" if limit else "not clipped"
        runs.append([])
        for seed in inputs.seed_numbers:
            training = TrainingRun(inputs, config, replace(TRAINING_CONFIG, clip=limit, seed=seed))
            yield from training.run(f"{name}, seed {seed}", inputs.steps)
            runs[-1].append(training)
        rows.append(_row(limit, runs[-1]))
        curves.append(Curve(name, runs[-1][0].steps, runs[-1][0].norms))
    return Finding(
        "clipping",
        _claims(*runs),
        rows,
        curves,
        ("step", "norm of the gradient before clipping"),
        logarithmic=True,
    )


def _claims(bare: list[TrainingRun], clipped: list[TrainingRun]) -> list[Claim]:
    """Decide whether trainings explode, and whether those that do are saved."""
    exploded = [training.diverged for training in bare]
    saved = [not training.diverged for training in itertools.compress(clipped, exploded)]
    text = "a training whose gradients explode is saved by scaling them down to a bound"
    return [
        always("the training of rectified units explodes without a bound", "seeds where it diverges", exploded),
        *([always(text, "seeds, of those that diverge, where the clipped training does not", saved)] if saved else ()),
    ]


def _row(limit: float, runs: list[TrainingRun]) -> dict[str, Any]:
    """Return the figures of the trainings with one limit."""
    norms = [norm for training in runs for norm in training.norms if norm is not None]
    return {
        "clip": limit,
        "diverged": sum(training.diverged for training in runs),
        "first_diverged_at": min((training.steps[-1] for training in runs if training.diverged), default=None),
        "largest_norm": max(norms, default=None),
        "clipped_fraction": sum(limit < norm for norm in norms) / len(norms) if limit and norms else 0.0,
        **summary("perplexity", [comparable_perplexity(training.perplexity) for training in runs]),
    }
