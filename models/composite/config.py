"""Configs of composite models and of dynamic evaluation, as data: no NumPy, no model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from models.errors import InvalidInput

MAX_WINDOW = 100_000
"""Tokens that a cache may remember at most."""


def check_cache_fields(window: int, **weights: float) -> None:
    """Raise InvalidInput, naming the field, for a window or weights that no cache can have."""
    if type(window) is not int or not 1 <= window <= MAX_WINDOW:
        raise InvalidInput("window", f"must be a whole number from 1 to {MAX_WINDOW}")
    for name, weight in weights.items():
        if not 0 <= weight <= 1:  # a NaN is not
            raise InvalidInput(name, "must be a number from 0 to 1")
    if sum(weights.values()) > 1:
        raise InvalidInput(next(iter(weights)), f"must sum to at most 1 together: {' + '.join(weights)}")


@dataclass(frozen=True)
class CacheConfig:
    """Window and weights of a cache. Raises InvalidInput where a value is not accepted."""

    window: int = 500
    """How many tokens it remembers, 1 to 100,000."""
    weight: float = 0.1
    """Of the frequency of a token among them, 0 to 1."""
    bigram_weight: float = 0.0
    """Of its frequency among those that followed the same token; with `weight`, at most 1."""

    def __post_init__(self) -> None:
        check_cache_fields(self.window, weight=self.weight, bigram_weight=self.bigram_weight)


@dataclass(frozen=True)
class MixtureConfig:
    """Weights of a mixture. Raises InvalidInput for weights that are no distribution."""

    weights: tuple[float, ...] = ()
    """One for each member, 0 to 1, together 1. Without any, they are fitted to a held-out text."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(map(float, self.weights)))
        if not all(0 <= weight <= 1 for weight in self.weights):  # a NaN is not
            raise InvalidInput("weights", "must be numbers from 0 to 1")
        if self.weights and not math.isclose(sum(self.weights), 1, abs_tol=1e-6):
            raise InvalidInput("weights", f"must sum to 1, not to {sum(self.weights):g}")


@dataclass(frozen=True)
class NeuralCacheConfig:
    """Window and weight of a neural cache. Raises InvalidInput where a value is not accepted."""

    window: int = 500
    """How many tokens it remembers, 1 to 100,000, each with its hidden vector."""
    weight: float = 0.1
    """Of what it says, 0 to 1."""
    theta: float = 0.3
    """How much likeness counts: 0 makes it the frequency among the tokens remembered."""

    def __post_init__(self) -> None:
        check_cache_fields(self.window, weight=self.weight)
        if not (math.isfinite(self.theta) and self.theta >= 0):
            raise InvalidInput("theta", "must be a finite number, 0 or more")


UpdateRule = Literal["sgd", "rms"]


@dataclass(frozen=True)
class DynamicConfig:
    """Steps of dynamic evaluation. Raises InvalidInput where a value is not accepted."""

    rule: UpdateRule = "sgd"
    """`sgd`: against the gradient; `rms`: against the gradient over the root mean square of those before it."""
    learning_rate: float = 0.1
    """How far, above 0; for `rms` about a thousandth of what suits `sgd`."""
    decay: float = 0.001
    """How much of the way back to the trained weights is gone after each segment, 0 to 1."""
    segment: int = 20
    """Tokens scored before the weights move again, 1 to 1000."""

    def __post_init__(self) -> None:
        if self.rule not in get_args(UpdateRule):
            raise InvalidInput("rule", f"must be one of {', '.join(get_args(UpdateRule))}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidInput("learning_rate", "must be a finite number above 0")
        if not 0 <= self.decay <= 1:
            raise InvalidInput("decay", "must be a number from 0 to 1")
        if type(self.segment) is not int or not 1 <= self.segment <= 1000:
            raise InvalidInput("segment", "must be a whole number from 1 to 1000")
