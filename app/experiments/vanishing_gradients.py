"""Vanishing gradients: how much of the gradient reaches a token k steps back, in each family."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from app.experiments.families import TRAINING_CONFIG, equal_size_configs
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.neural.analysis import gradient_norms_by_distance
from models.utils.progress import Progress

MAX_DISTANCE, MAX_ROWS = 100, 32
"""How many tokens a gradient is followed back, and from how many places of the held-out text."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Follow the gradient of a prediction back through held-out text, before and after training."""
    texts = _texts(inputs)
    curves, rows, share_at_half = [], [], {}
    for config in equal_size_configs(inputs.size, len(inputs.vocabulary)):
        training = TrainingRun(inputs, config, TRAINING_CONFIG)
        rows.append(_row(config.kind, 0, gradient_norms_by_distance(training.trainer.network, texts)))
        yield from training.run(f"training {config.kind}", inputs.steps)
        norms = gradient_norms_by_distance(training.trainer.network, texts)
        rows.append(_row(config.kind, inputs.steps, norms))
        curves.append(Curve(config.kind, list(range(len(norms))), norms))
        share_at_half[config.kind] = norms[len(norms) // 2] / norms[0]
    return Finding(
        "vanishing",
        "the gradient that reaches a token falls off with its distance; gates learn to let it through, which a plain "
        "recurrent network cannot",
        share_at_half["rnn"] < min(share_at_half["gru"], share_at_half["lstm"]),
        rows,
        curves,
        ("tokens back", "norm of the gradient"),
        logarithmic=True,
    )


def _row(kind: str, steps: int, norms: list[float]) -> dict[str, Any]:
    """Return the shares of the gradient that reach 1, 10, 20, 50 and 100 tokens back."""
    shares = {f"share_{k}": norms[k] / norms[0] for k in (1, 10, 20, 50, 100) if k < len(norms)}
    return {"kind": kind, "steps": steps, **shares}


def _texts(inputs: ExperimentInput) -> torch.Tensor:
    """Return rows [B, T] of the held-out text at equal distances, long enough to follow a gradient back."""
    length = min(MAX_DISTANCE + 2, len(inputs.valid))
    starts = np.linspace(0, len(inputs.valid) - length, MAX_ROWS).astype(int)
    return torch.from_numpy(np.stack([inputs.valid[at : at + length] for at in starts]).astype(np.int64))
