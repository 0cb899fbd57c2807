"""Under- and overfitting: fit to training and held-out text, over dropout and L2 strength.

The training text is so small a part that it can be learned by heart, so that both show within a short training.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity
from app.experiments.training_run import TrainingRun
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.utils.progress import Progress

DROPOUTS = (0.0, 0.2, 0.5, 0.8)
DECAYS = (0.0, 0.3, 3.0)
"""Weight decay of AdamW, which multiplies it by the learning rate."""
PASSES = 10
"""How often the training text is read."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train on the same text with each strength of either regularization."""
    plain = TrainingConfig(schedule="constant", learning_rate=4e-3, dropout=0.0, weight_decay=0.0)
    tokens = inputs.train[: max(1, inputs.steps * plain.batch_size * plain.bptt // PASSES)]
    small, rows = replace(inputs, train=tokens), []
    configs = [replace(plain, dropout=rate) for rate in DROPOUTS]
    configs += [replace(plain, weight_decay=decay) for decay in DECAYS[1:]]
    for training_config in configs:
        row = yield from _row(small, training_config)
        rows.append(row)
    dropout_rows = [row for row in rows if not row["weight_decay"]]
    decay_rows = [row for row in rows if not row["dropout"]]
    return Finding(
        "regularisation",
        "without any, a network learns its text by heart; with too much, it learns little; in between lies the best",
        _best_in_between(dropout_rows) and _best_in_between(decay_rows),
        rows,
        [
            *(_curve(f"dropout, {part}", "dropout", part, dropout_rows) for part in ("train", "valid")),
            *(_curve(f"weight decay, {part}", "weight_decay", part, decay_rows) for part in ("train", "valid")),
        ],
        ("dropout, or weight decay", "perplexity"),
        logarithmic=True,
    )


def _best_in_between(rows: list[dict[str, Any]]) -> bool:
    """Tell whether the first strength fits the training text best, and a middle one the held-out text."""
    trained, held_out = ([comparable_perplexity(row[part]) for row in rows] for part in ("train", "valid"))
    return min(trained) == trained[0] and min(held_out) < min(held_out[0], held_out[-1])


def _row(inputs: ExperimentInput, training_config: TrainingConfig) -> Generator[Progress, None, dict[str, Any]]:
    """Train with one strength and return its figures."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    dropout, weight_decay = training_config.dropout, training_config.weight_decay
    training = TrainingRun(inputs, config, training_config)
    yield from training.run(f"dropout {dropout:g}, weight decay {weight_decay:g}", inputs.steps)
    sample = inputs.train[: len(inputs.valid)]
    train = None if training.diverged else math.exp((yield from held_out_loss(training.trainer.model(), sample)))
    return {"dropout": dropout, "weight_decay": weight_decay, "train": train, "valid": training.perplexity}


def _curve(label: str, over: str, part: str, rows: list[dict[str, Any]]) -> Curve:
    """Return the perplexities of one part of the text over one kind of strength."""
    return Curve(label, [row[over] for row in rows], [row[part] for row in rows])
