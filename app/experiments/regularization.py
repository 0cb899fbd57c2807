"""Under- and overfitting: the fit to what was learned against the fit to what was not, over dropout and L2 strength.

A part of the text so small that it can be learned by heart shows both within a short training.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity
from app.experiments.training_run import TrainingRun
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.utils.progress import Progress

DROPOUTS = (0.0, 0.2, 0.5, 0.8)
DECAYS = (0.0, 0.3, 3.0)
"""Of AdamW, which multiplies them by the learning rate."""
PASSES = 10
"""How often the part is read."""


def run(setting: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train on the same part with each strength of either kind."""
    plain = TrainingConfig(schedule="constant", learning_rate=4e-3, dropout=0.0, weight_decay=0.0)
    tokens = setting.train[: max(1, setting.steps * plain.batch_size * plain.bptt // PASSES)]
    small, rows = replace(setting, train=tokens), []
    tried = [replace(plain, dropout=rate) for rate in DROPOUTS]
    tried += [replace(plain, weight_decay=decay) for decay in DECAYS[1:]]
    for how in tried:
        row = yield from _row(small, how)
        rows.append(row)
    of_dropout = [row for row in rows if not row["weight_decay"]]
    of_decay = [row for row in rows if not row["dropout"]]
    return Finding(
        "regularisation",
        "without any, a network learns its text by heart; with too much, it learns little; in between lies the best",
        _between(of_dropout) and _between(of_decay),
        rows,
        [
            *(_curve(f"dropout, {part}", "dropout", part, of_dropout) for part in ("train", "valid")),
            *(_curve(f"weight decay, {part}", "weight_decay", part, of_decay) for part in ("train", "valid")),
        ],
        ("dropout, or weight decay", "perplexity"),
        logarithmic=True,
    )


def _between(rows: list[dict[str, Any]]) -> bool:
    """Whether of rising strengths the first fits best what was learned, and one in the midst what was not."""
    learned, held_out = ([comparable_perplexity(row[part]) for row in rows] for part in ("train", "valid"))
    return min(learned) == learned[0] and min(held_out) < min(held_out[0], held_out[-1])


def _row(setting: ExperimentInput, how: TrainingConfig) -> Generator[Progress, None, dict[str, Any]]:
    config = RecurrentConfig("lstm", layers=1, embedding_size=setting.size, hidden_size=setting.size)
    course = TrainingRun(setting, config, how)
    yield from course.run(f"dropout {how.dropout:g}, weight decay {how.weight_decay:g}", setting.steps)
    learned = setting.train[: len(setting.valid)]
    train = None if course.diverged else math.exp((yield from held_out_loss(course.trainer.model(), learned)))
    return {"dropout": how.dropout, "weight_decay": how.weight_decay, "train": train, "valid": course.perplexity}


def _curve(label: str, over: str, part: str, rows: list[dict[str, Any]]) -> Curve:
    return Curve(label, [row[over] for row in rows], [row[part] for row in rows])
