"""Comparison of two models on the same examples: the difference of their scores, and its interval.

The examples are the same for both, so that what is hard for both cancels out: a paired interval is narrower than the
two models' own, and decides with fewer examples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models.errors import InvalidInput

_RESAMPLES = 10_000
"""Resampled sets of examples; with more the ends of the interval vary less from seed to seed."""


class PairedInterval(NamedTuple):
    """Difference of two mean scores, and its 95 % interval."""

    difference: float
    low: float
    high: float


def paired_interval(scores_a: ArrayLike, scores_b: ArrayLike, seed: int = 0) -> PairedInterval:
    """Return the mean of `scores_a` - `scores_b`, and its 95 % interval by the paired bootstrap.

    Scores are [N], one an example: whether a model was right, or a figure such as F1. N examples are drawn with
    replacement, often; the interval holds the middle 95 % of the differences so found (Efron 1979).
    Raises InvalidInput where the scores are not of the same examples, or there are none.

    >>> paired_interval([True] * 60 + [False] * 40, [True] * 40 + [False] * 60, seed=1)
    PairedInterval(difference=0.2, low=0.13, high=0.28)
    """
    a, b = np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise InvalidInput("scores", "must be a number for each example, for the same examples of both models")
    differences = a - b
    # Only how often each difference is drawn matters: three numbers for right and wrong, instead of N for each draw.
    values, counts = np.unique(differences, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(differences.size, counts / differences.size, _RESAMPLES)
    low, high = np.quantile(draws @ values / differences.size, [0.025, 0.975])
    return PairedInterval(float(differences.mean()), float(low), float(high))
