"""Initialization: training from zeros, from numbers too large, and from the scales of Glorot and He."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from app.experiments.finding import Curve, ExperimentInput, Finding, is_lower
from app.experiments.training_run import TrainingRun
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

INITIALIZATIONS: dict[str, dict[str, Any]] = {
    "zero": {"initialisation": "uniform", "initial_scale": 0.0},
    "too large": {"initialisation": "uniform", "initial_scale": 2.0},
    "xavier": {"initialisation": "xavier"},
    "he": {"initialisation": "he"},
}
"""Fields of `TrainingConfig` by the name in the finding; the last two are expected to learn better than the others."""
VALIDATIONS = 8


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train an LSTM from each initialization."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    curves: list[Curve] = []
    rows: list[dict[str, Any]] = []
    for name, fields in INITIALIZATIONS.items():
        training = TrainingRun(inputs, config, TrainingConfig(schedule="constant", learning_rate=2e-3, **fields))
        yield from training.run(name, inputs.steps, VALIDATIONS)
        steps, perplexities = ([point[i] for point in training.validated] for i in (0, 1))
        curves.append(Curve(name, steps, perplexities))
        first = {"first_loss": training.losses[0], "first_norm": training.norms[0]}
        rows.append({"start": name, **first, "perplexity": training.perplexity})
    reached = [row["perplexity"] for row in rows]
    return Finding(
        "initialisations",
        "zeros leave all units alike, large numbers saturate the gates, and scaled random ones learn",
        all(is_lower(scaled, other) for scaled in reached[2:] for other in reached[:2]),
        rows,
        curves,
        ("step", "perplexity of the held-out text"),
        logarithmic=True,
    )
