"""Absolute discounting: seen words keep their count less a constant, what it frees goes down to shorter contexts.

With the discount D of an order and h' the context h without its first word, either interpolated,

    P(w | h) = max(c(h w) - D, 0) / c(h) + weight(h) P(w | h')

(Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.8), or backed off: P(w | h) = (c(h w) - D) / c(h) if h w
was seen, else alpha(h) P(w | h'), with alpha(h) such that the sum is one (Katz 1987 for backing off). It knows counts
and which n-grams are kept; it does not know tables or files.
"""

from __future__ import annotations

import numpy as np

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import (
    Estimate,
    Floats,
    Kept,
    backoff_estimate,
    interpolated_estimate,
    sum_by_context,
)
from models.utils.arrays import IntArray

FALLBACK_DISCOUNT = 0.5
"""The discount of an order in which no n-gram is seen once, or none twice."""


def interpolated_absolute(counts: Counts, kept: Kept, given: float | None = None) -> Estimate:
    """Interpolated, with the discount `given` or that of each order; `facts` hold the discounts."""
    discounts = [estimate_discount(level.count) if given is None else given for level in counts.levels]
    parts = (
        (subtract_discount(level.count, d), sum_by_context(level, level.count))
        for level, d in zip(counts.levels, discounts, strict=True)
    )
    return interpolated_estimate(counts, kept, parts, {"discounts": discounts})


def backoff_absolute(counts: Counts, kept: Kept) -> Estimate:
    """Backed off: probabilities of all n-grams, back-off weights of all contexts; `facts` hold the discounts."""
    discounts = [estimate_discount(level.count) for level in counts.levels]
    numerators = (subtract_discount(level.count, d) for level, d in zip(counts.levels, discounts, strict=True))
    return backoff_estimate(counts, kept, numerators, {"discounts": discounts})


def subtract_discount(occurrences: IntArray, amount: float) -> Floats:
    """Counts less a discount, never below zero."""
    left: Floats = np.maximum(occurrences - amount, 0.0)
    return left


def estimate_discount(occurrences: IntArray) -> float:
    """D = n_1 / (n_1 + 2 n_2), n_k the number of n-grams seen k times (Ney, Essen and Kneser 1994, equation 21)."""
    once, twice = int(np.sum(occurrences == 1)), int(np.sum(occurrences == 2))
    return once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT
