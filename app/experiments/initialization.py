"""Initialization: training from zeros, from large numbers, and from scales of Glorot, LeCun and He.

What a start does to the gradient, through depth and through time, is `signal_propagation`'s.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from app.experiments.claim import at_least, summary
from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity, log_ratio
from app.experiments.training_run import TrainingRun
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

INITIALIZATIONS: dict[str, dict[str, Any]] = {
    "zero": {"initialisation": "uniform", "initial_scale": 0.0},
    "too large": {"initialisation": "uniform", "initial_scale": 2.0},
    "xavier": {"initialisation": "xavier"},
    "lecun_normal": {"initialisation": "lecun_normal"},
    "he": {"initialisation": "he"},
}
"""Fields of `TrainingConfig` by the name in the finding; the third and later are expected to learn better.

Courses call both `xavier` (Glorot's uniform numbers) and `lecun_normal` (randn * sqrt(1 / n)) Xavier."""
VALIDATIONS = 8


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train an LSTM from each initialization, for each seed."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    curves: list[Curve] = []
    rows: list[dict[str, Any]] = []
    reached: list[list[float | None]] = []
    for name, fields in INITIALIZATIONS.items():
        training_config = TrainingConfig(schedule="constant", learning_rate=2e-3, **fields)
        runs: list[TrainingRun] = []
        for seed in inputs.seed_numbers:
            runs.append(TrainingRun(inputs, config, replace(training_config, seed=seed)))
            yield from runs[-1].run(f"{name}, seed {seed}", inputs.steps, VALIDATIONS)
        curves.append(Curve(name, *map(list, zip(*runs[0].validated, strict=True))))
        reached.append([training.perplexity for training in runs])
        first = {"first_loss": runs[0].losses[0], "first_norm": runs[0].norms[0]}
        rows.append({"start": name, **first, **summary("perplexity", list(map(comparable_perplexity, reached[-1])))})
    return Finding(
        "initialisations",
        [
            at_least(
                "zeros leave all units alike, large numbers saturate the gates, and scaled random ones learn",
                "log ratio of perplexities, the better of zero and too large over the worse of the others",
                list(map(_gain, zip(*reached, strict=True))),
            )
        ],
        rows,
        curves,
        ("step", "perplexity of the held-out text"),
        logarithmic=True,
    )


def _gain(reached: tuple[float | None, ...]) -> float:
    """Return how far the worst scaled start is below the best of the others, for perplexities of one seed."""
    perplexities = list(map(comparable_perplexity, reached))
    return log_ratio(max(perplexities[2:]), min(perplexities[:2]))
