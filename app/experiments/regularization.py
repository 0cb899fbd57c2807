"""Under- and overfitting: fit, bias and variance, over dropout, L2 strength and size.

Two networks learn from two parts of the text for each seed. The parts are so small that they can be learned by heart,
so that both faults show within a short training, and how far the two networks differ is their variance.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from app.experiments.changed_word import mean_effect
from app.experiments.claim import Claim, always, at_least, summary
from app.experiments.finding import Curve, ExperimentInput, Finding, comparable_perplexity
from app.experiments.training_run import TrainingRun, mean_loss, next_logprobs, text_rows
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.optimizer import weight_norm
from models.utils.progress import Progress

DROPOUTS = (0.0, 0.2, 0.5, 0.8)
DECAYS = (0.0, 0.3, 3.0)
"""Weight decay of AdamW, which multiplies it by the learning rate."""
SIZES = (0.25, 1.0, 2.0)
"""Hidden vectors, as multiples of `ExperimentInput.size`."""
PASSES = 10
"""How often a part of the text is read."""
ROWS, ROW_TOKENS = 64, 50
"""Rows of text on which fit is measured."""
MAX_LOGITS = 8_000_000
"""Numbers in one table of log-probabilities; fewer rows are measured where the vocabulary is large."""
PLAIN = TrainingConfig(schedule="constant", learning_rate=4e-3, dropout=0.0, weight_decay=0.0)
Figures: TypeAlias = dict[str, float]


class Setting(NamedTuple):
    """Size and regularization of one pair of networks."""

    size: int
    dropout: float = 0.0
    weight_decay: float = 0.0


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train a pair of networks with each setting and each seed."""
    size = inputs.size
    settings = [Setting(size, dropout=rate) for rate in DROPOUTS]
    settings += [Setting(size, weight_decay=decay) for decay in DECAYS[1:]]
    settings += [Setting(max(1, round(factor * size))) for factor in SIZES if factor != 1]
    figures: dict[Setting, list[Figures]] = {}
    for setting in settings:
        figures[setting] = []
        for seed in inputs.seed_numbers:
            figures[setting].append((yield from _measure_pair(inputs, setting, seed)))
    return Finding(
        "regularisation",
        _claims(figures, size),
        [_row(setting, by_seed) for setting, by_seed in figures.items()],
        [*_curves(figures, "dropout", settings[: len(DROPOUTS)]), *_curves(figures, "weight_decay", _decays(size))],
        ("dropout, or weight decay", "perplexity"),
        logarithmic=True,
    )


def bias_and_variance(logprobs: Sequence[Tensor], rows: Tensor) -> tuple[float, float]:
    """Split the mean loss of R networks into bias and variance, both in nats (Heskes 1998).

    With p the normalized geometric mean of the networks' distributions, `logprobs` [N, V] each, the loss of a network
    is on average that of p plus the divergence of the network from p. That divergence, times R / (R - 1) because p has
    seen the networks themselves, is the variance; the rest is the bias, noise of the text included.
    """
    divergence = -float(torch.stack(list(logprobs)).mean(0).logsumexp(1).mean(dtype=torch.float64))
    variance = divergence * len(logprobs) / (len(logprobs) - 1)
    return fmean(mean_loss(part, rows) for part in logprobs) - variance, variance


def _measure_pair(inputs: ExperimentInput, setting: Setting, seed: int) -> Generator[Progress, None, Figures]:
    """Train two networks on two parts of the text; return their figures, means of the two."""
    size = max(1, inputs.steps * PLAIN.batch_size * PLAIN.bptt // PASSES)
    pair, parts = [], []
    for half in (0, 1):
        begin = (2 * seed + half) * size % max(1, len(inputs.train) - size)
        parts.append(replace(inputs, train=inputs.train[begin : begin + size]))
        pair.append(_training(parts[-1], setting, 2 * seed + half))
        yield from pair[-1].run(f"{_name(setting)}, seed {seed}", inputs.steps)
    networks = [training.trainer.network for training in pair]
    rows = text_rows(inputs.valid, max(1, min(ROWS, MAX_LOGITS // (ROW_TOKENS * len(inputs.vocabulary)))), ROW_TOKENS)
    learned = [text_rows(part.train, len(rows), ROW_TOKENS) for part in parts]
    logprobs = [next_logprobs(network, rows) for network in networks]
    bias, variance = bias_and_variance(logprobs, rows)
    fits = zip(networks, learned, strict=True)
    return {
        "train": math.exp(fmean(mean_loss(next_logprobs(network, text), text) for network, text in fits)),
        "valid": math.exp(bias + variance),
        "bias": bias,
        "variance": variance,
        "weight_norm": fmean(weight_norm(network.parameters()) for network in networks),
        "entropy": fmean(float(-(part.exp() * part).sum(1).mean()) for part in logprobs),
        "variation": fmean(mean_effect(run.trainer.model(), inputs.valid, seed, (1,)).variation[0] for run in pair),
    }


def _training(inputs: ExperimentInput, setting: Setting, seed: int) -> TrainingRun:
    """Start a training with one setting."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=setting.size, hidden_size=setting.size)
    dropout, weight_decay = setting.dropout, setting.weight_decay
    return TrainingRun(inputs, config, replace(PLAIN, dropout=dropout, weight_decay=weight_decay, seed=seed))


def _claims(figures: dict[Setting, list[Figures]], size: int) -> list[Claim]:
    """Decide what the figures say of strength and size."""
    plain, weak, small, large = (
        figures[Setting(size)],
        figures[Setting(size, weight_decay=DECAYS[1])],
        *(figures[Setting(max(1, round(factor * size)))] for factor in (SIZES[0], SIZES[-1])),
    )
    dropped = figures[Setting(size, dropout=DROPOUTS[2])]
    text = "without any, a network learns its text by heart; with too much, it learns little; in between lies the best"
    strengths = {
        "dropout": [figures[Setting(size, dropout=rate)] for rate in DROPOUTS],
        "weight decay": [figures[setting] for setting in _decays(size)],
    }
    return [
        *(
            always(f"{name}: {text}", "seeds where it is so", list(map(_best_in_between, zip(*lists, strict=True))))
            for name, lists in strengths.items()
        ),
        _less("L2 keeps the weights small", "norm of all matrices", plain, weak, "weight_norm"),
        _less(
            "L2 makes the output smoother: a changed token moves it less",
            f"total variation after the changed token, weight decay 0 less {DECAYS[1]:g}",
            plain, weak, "variation",
        ),
        _less("a larger network has less bias", "nats, a quarter of the size less twice", small, large, "bias"),
        _less(
            "a larger network has more variance", "nats, twice the size less a quarter", large, small, "variance"
        ),
        _less("dropout takes variance away", "nats, dropout 0 less 0.5", plain, dropped, "variance"),
        _less("dropout pays for it with bias", "nats, dropout 0.5 less 0", dropped, plain, "bias"),
    ]  # fmt: skip


def _less(text: str, measured: str, high: list[Figures], low: list[Figures], name: str) -> Claim:
    """Decide a claim that the second networks have less of a figure than the first."""
    return at_least(text, measured, [a[name] - b[name] for a, b in zip(high, low, strict=True)])


def _best_in_between(rows: Sequence[dict[str, Any]]) -> bool:
    """Tell whether the first strength fits the training text best, and a middle one the held-out text."""
    trained, held_out = ([comparable_perplexity(row[part]) for row in rows] for part in ("train", "valid"))
    return min(trained) == trained[0] and min(held_out) < min(held_out[0], held_out[-1])


def _decays(size: int) -> list[Setting]:
    """Return the settings of one size over weight decay."""
    return [Setting(size, weight_decay=decay) for decay in DECAYS]


def _name(setting: Setting) -> str:
    return f"size {setting.size}, dropout {setting.dropout:g}, weight decay {setting.weight_decay:g}"


def _row(setting: Setting, by_seed: list[Figures]) -> dict[str, Any]:
    """Return the figures of one setting, means over seeds."""
    row: dict[str, Any] = setting._asdict()
    for name in by_seed[0]:
        row |= summary(name, [figures[name] for figures in by_seed])
    return row


def _curves(figures: dict[Setting, list[Figures]], over: str, settings: list[Setting]) -> list[Curve]:
    """Return the perplexities of both parts of the text over one kind of strength."""
    strengths = [getattr(setting, over) for setting in settings]
    means = {part: [fmean(row[part] for row in figures[s]) for s in settings] for part in ("train", "valid")}
    return [Curve(f"{over.replace('_', ' ')}, {part}", strengths, values) for part, values in means.items()]
