"""Vanishing and exploding gradients at the start of a training, through layers and through tokens.

A gradient that passes L layers, or L tokens, is multiplied by L Jacobians, and the scale of the initial weights decides
whether they shrink or grow it (Glorot and Bengio 2010; Pascanu et al. 2013). Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.experiments.claim import Claim, at_least, summary, within
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import text_rows
from models.neural.analysis import gradient_norms_by_distance, gradient_norms_by_layer
from models.neural.config import Nonlinearity, RecurrentConfig
from models.neural.network import Network
from models.neural.training.config import InitializationMethod
from models.neural.training.initialization import initialize
from models.utils.progress import Progress

STARTS: dict[str, tuple[InitializationMethod, float]] = {
    "too small": ("uniform", 0.01),
    "too large": ("uniform", 1.0),
    "xavier": ("xavier", 0.0),
    "lecun_normal": ("lecun_normal", 0.0),
    "he": ("he", 0.0),
}
"""Method and scale of each start. The last three scale by the size of the matrix; two of them are called Xavier."""
JACOBIANS = 8
"""Layers of the deep network, and tokens that the gradient of the shallow one is followed back."""
TEXTS, MIN_SEEDS = 64, 8
"""Beginnings of text that a norm is the mean over, and least number of starts: they are quick."""
BOUND = 1.5
"""log10 of a factor that is nothing to speak of over eight layers or tokens: 1.5 at each."""
NONLINEARITIES: tuple[Nonlinearity, ...] = ("tanh", "relu")
SCALED: tuple[tuple[str, Nonlinearity], ...] = (("xavier", "tanh"), ("lecun_normal", "tanh"), ("he", "relu"))
"""Starts whose scale is meant to keep a gradient as it is, with the nonlinearity that each is derived for."""
MIN_NORM = 1e-30
"""Smaller norms, of rectified units that are all inactive, count as this one, so that they have a logarithm."""
Factors: TypeAlias = dict[tuple[str, Nonlinearity], dict[str, list[float]]]
"""log10 of the factor through `depth` and through `time` for each seed, by start and nonlinearity."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Follow the gradient through eight layers, and through eight tokens, from each start."""
    texts = text_rows(inputs.valid, TEXTS, 2 * JACOBIANS + 2)
    factors: Factors = {}
    curves: list[Curve] = []
    settings = list(product(STARTS, NONLINEARITIES))
    for i, (start, nonlinearity) in enumerate(settings):
        norms = _norms(inputs, start, nonlinearity, texts)
        factors[start, nonlinearity] = {way: _log_factors(by_seed) for way, by_seed in norms.items()}
        if nonlinearity == "relu":
            curves += [_curve(f"{start}, {way}", by_seed) for way, by_seed in norms.items()]
        yield Progress("starts", i + 1, len(settings))
    return Finding(
        "depth",
        _claims(factors),
        [_row(start, nonlinearity, factors[start, nonlinearity]) for start, nonlinearity in settings],
        curves,
        ("layers down, or tokens back", "gradient, as a share of the first (relu)"),
        logarithmic=True,
    )


def _norms(
    inputs: ExperimentInput, start: str, nonlinearity: Nonlinearity, texts: Tensor
) -> dict[str, list[NDArray[np.float64]]]:
    """Return the norms after 0, 1, ... Jacobians through `depth` and through `time`, for each seed."""
    shallow = RecurrentConfig("rnn", nonlinearity, layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    deep = replace(shallow, layers=JACOBIANS)
    norms: dict[str, list[NDArray[np.float64]]] = {"depth": [], "time": []}
    for seed in range(1, max(inputs.seeds, MIN_SEEDS) + 1):
        by_layer = gradient_norms_by_layer(_network(inputs, deep, start, seed), texts)
        by_distance = gradient_norms_by_distance(_network(inputs, shallow, start, seed), texts)
        norms["depth"].append(np.maximum(by_layer, MIN_NORM))
        norms["time"].append(np.maximum(by_distance[: JACOBIANS + 1], MIN_NORM))
    return norms


def _network(inputs: ExperimentInput, config: RecurrentConfig, start: str, seed: int) -> Network:
    """Make a network of one start."""
    network, (method, scale) = Network(config, len(inputs.vocabulary)), STARTS[start]
    counts = np.bincount(inputs.train, minlength=len(inputs.vocabulary))
    initialize(network, method, scale, counts, torch.Generator().manual_seed(seed))
    return network


def _log_factors(by_seed: list[NDArray[np.float64]]) -> list[float]:
    """Return log10 of the last norm over the first, for each seed."""
    return [float(np.log10(norms[-1] / norms[0])) for norms in by_seed]


def _claims(factors: Factors) -> list[Claim]:
    """Decide what the factors say of starts that are too small, too large, and scaled."""
    claims = []
    for way, unit in (("depth", f"{JACOBIANS} layers"), ("time", f"{JACOBIANS} tokens")):
        small, large = (factors[start, "relu"][way] for start in ("too small", "too large"))
        measured = f"log10 of the gradient's factor over {unit}, relu"
        vanishes, shrinkage = f"from numbers too small the gradient vanishes through {way}", [-value for value in small]
        claims.append(at_least(vanishes, f"-{measured}", shrinkage, BOUND))
        claims.append(at_least(f"from numbers too large it explodes through {way}", measured, large, BOUND))
        for start, nonlinearity in SCALED:
            text = f"from {start} it keeps its size through {way}"
            values = factors[start, nonlinearity][way]
            claims.append(within(text, f"log10 of its factor over {unit}, {nonlinearity}", values, BOUND))
    return claims


def _row(start: str, nonlinearity: Nonlinearity, factors: dict[str, list[float]]) -> dict[str, Any]:
    """Return the figures of a start: log10 of the gradient's factor, means over seeds."""
    row: dict[str, Any] = {"start": start, "nonlinearity": nonlinearity}
    for way, values in factors.items():
        row |= summary(f"log10_{way}", values)
    return row


def _curve(label: str, by_seed: list[NDArray[np.float64]]) -> Curve:
    """Return the norms of the first seed as shares of the first norm."""
    shares = (by_seed[0] / by_seed[0][0]).tolist()
    return Curve(label, list(range(len(shares))), shares)
