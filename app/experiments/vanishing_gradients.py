"""Vanishing gradients: how much of the gradient reaches a token k steps back, in each family."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.experiments.claim import Claim, at_least, spread
from app.experiments.families import TRAINING_CONFIG, equal_size_configs
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun, text_rows
from models.neural.analysis import gradient_norms_by_distance
from models.utils.progress import Progress

MAX_DISTANCE, TEXTS, TEXTS_PER_BATCH = 100, 512, 64
"""How many tokens a gradient is followed back, from how many places of the held-out text, and from how many at once."""
RECURRENT = ("rnn", "gru", "lstm")
GATED = {"gru": "a GRU", "lstm": "an LSTM"}
DISTANCES = (1, 10, 20, 50, 100)
DECIDING_DISTANCE = 50
MIN_SHARE = 1e-30
"""Smaller shares count as this one, so that they have a logarithm."""
Norms: TypeAlias = list[list[float]]
"""Norms by distance, a list for each seed."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Follow the gradient of a prediction back through held-out text, before and after training."""
    texts = text_rows(inputs.valid, TEXTS, MAX_DISTANCE + 2)
    before: dict[str, Norms] = {}
    after: dict[str, Norms] = {}
    for config in equal_size_configs(inputs.size, len(inputs.vocabulary)):
        for seed in inputs.seed_numbers:
            training = TrainingRun(inputs, config, replace(TRAINING_CONFIG, seed=seed))
            before.setdefault(config.kind, []).append(_mean_norms(training, texts))
            yield from training.run(f"training {config.kind}, seed {seed}", inputs.steps)
            after.setdefault(config.kind, []).append(_mean_norms(training, texts))
    steps = inputs.steps
    return Finding(
        "vanishing",
        _claims(before, after, min(DECIDING_DISTANCE, texts.shape[1] - 2)),
        [row for kind in after for row in (_row(kind, 0, before[kind]), _row(kind, steps, after[kind]))],
        [Curve(kind, list(range(len(norms[0]))), np.mean(norms, 0).tolist()) for kind, norms in after.items()],
        ("tokens back", "norm of the gradient"),
        logarithmic=True,
    )


def _claims(before: dict[str, Norms], after: dict[str, Norms], k: int) -> list[Claim]:
    """Decide what the shares of the gradient say that reach k tokens back."""
    learned = {kind: log_shares(after[kind], k) for kind in RECURRENT}
    gains = {kind: learned[kind] - log_shares(before[kind], k) for kind in RECURRENT}
    falls = np.min([log_shares(after[kind], 1) - learned[kind] for kind in RECURRENT], 0)
    measured = f"factor at {k} tokens back, log10"
    return [
        at_least(
            "the gradient that reaches a token falls off with its distance",
            f"the share at 1 token back over that at {k}, log10, the least of the recurrent families",
            falls.tolist(),
        ),
        *(
            at_least(
                f"the gates of {name} let more of the gradient through than a plain recurrent network",
                f"{measured}, over the RNN",
                (learned[kind] - learned["rnn"]).tolist(),
            )
            for kind, name in GATED.items()
        ),
        *(
            at_least(
                f"the gates of {name} learn to let it through",
                f"{measured}, after training over before",
                gains[kind].tolist(),
            )
            for kind, name in GATED.items()
        ),
        at_least(
            "a plain recurrent network does not learn to",
            f"{measured}, before training over after, RNN",
            (-gains["rnn"]).tolist(),
        ),
    ]


def log_shares(norms: Norms, k: int) -> NDArray[np.float64]:
    """Return log10 of the share of the gradient that reaches k tokens back, for each seed."""
    by_seed = np.array(norms)
    shares: NDArray[np.float64] = np.log10(np.maximum(by_seed[:, k] / by_seed[:, 0], MIN_SHARE))
    return shares


def _mean_norms(training: TrainingRun, texts: torch.Tensor) -> list[float]:
    """Return the norms by distance, means over all texts."""
    parts = torch.split(texts, TEXTS_PER_BATCH)
    norms = np.array([gradient_norms_by_distance(training.trainer.network, part) for part in parts])
    return list(map(float, np.average(norms, 0, list(map(len, parts)))))


def _row(kind: str, steps: int, norms: Norms) -> dict[str, Any]:
    """Return the shares of the gradient that reach each of `DISTANCES`, geometric means over seeds.

    The spread is that of the logarithm to base 10 at the deciding distance.
    """
    by_seed = np.array(norms)
    with np.errstate(divide="ignore"):
        logs = np.log10(by_seed / by_seed[:, :1]).mean(0)
    shares = {f"share_{k}": float(10 ** logs[k]) for k in DISTANCES if k < len(logs)}
    k = min(DECIDING_DISTANCE, len(norms[0]) - 1)
    return {"kind": kind, "steps": steps, **shares, "log10_spread": spread(log_shares(norms, k).tolist())}
