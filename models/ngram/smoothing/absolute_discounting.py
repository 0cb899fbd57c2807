"""Absolute discounting: a constant is taken from each count and shared out by shorter contexts.

With the discount D of an order and h' the context h without its first word, either interpolated,

    P(w | h) = max(c(h w) - D, 0) / c(h) + weight(h) P(w | h')

(Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.8), or backed off: P(w | h) = (c(h w) - D) / c(h) if h w
was seen, else alpha(h) P(w | h'), with alpha(h) such that the sum is one (Katz 1987 for backing off).
"""

from __future__ import annotations

import numpy as np

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import (
    Estimate,
    Kept,
    backoff_estimate,
    interpolated_estimate,
    is_every_word_seen,
    sum_by_context,
)
from models.utils.arrays import Float64Array, IntArray

FALLBACK_DISCOUNT = 0.5
"""Discount of an order in which no n-gram is seen once, or none twice."""


def interpolated_absolute(counts: Counts, kept: Kept, discount: float | None = None) -> Estimate:
    """Estimate interpolated, with `discount` or one estimated for each order.

    `details` have the discounts, and the orders whose counts give none, if any: these take FALLBACK_DISCOUNT.
    """
    discounts = [estimate_discount(level.count) if discount is None else discount for level in counts.levels]
    shares = (
        (subtract_discount(level.count, d), sum_by_context(level, level.count))
        for level, d in zip(counts.levels, discounts, strict=True)
    )
    fallback = _fallback_orders(counts) if discount is None else {}
    return interpolated_estimate(counts, kept, shares, {"discounts": discounts} | fallback)


def backoff_absolute(counts: Counts, kept: Kept) -> Estimate:
    """Estimate backed off, with a discount for each order; `details` are as of `interpolated_absolute`.

    That of the unigrams is zero where every word was seen: no word is left to give anything to.
    """
    discounts = [estimate_discount(level.count) for level in counts.levels]
    if is_every_word_seen(counts):
        discounts[0] = 0.0
    numerators = (subtract_discount(level.count, d) for level, d in zip(counts.levels, discounts, strict=True))
    first = 2 if is_every_word_seen(counts) else 1
    return backoff_estimate(counts, kept, numerators, {"discounts": discounts} | _fallback_orders(counts, first))


def _fallback_orders(counts: Counts, first: int = 1) -> dict[str, list[int]]:
    """Return as a field of details the orders from `first` on whose counts give no discount, if any."""
    orders = [n for n, level in enumerate(counts.levels, 1) if n >= first and not all(_seen_rarely(level.count))]
    return {"fallback_orders": orders} if orders else {}


def _seen_rarely(occurrences: IntArray) -> tuple[int, int]:
    """Return how many n-grams are seen once, and how many twice."""
    return int(np.sum(occurrences == 1)), int(np.sum(occurrences == 2))


def subtract_discount(occurrences: IntArray, discount: float) -> Float64Array:
    """Subtract a discount from counts; none falls below zero."""
    discounted: Float64Array = np.maximum(occurrences - discount, 0.0)
    return discounted


def estimate_discount(occurrences: IntArray) -> float:
    """Return D = n_1 / (n_1 + 2 n_2), n_k n-grams being seen k times (Ney, Essen and Kneser 1994, eq. 21)."""
    once, twice = _seen_rarely(occurrences)
    return once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT
