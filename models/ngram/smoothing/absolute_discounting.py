"""Absolute discounting: a constant is taken from each count and shared out by shorter contexts.

With the discount D of an order and h' the context h without its first word, either interpolated,

    P(w | h) = max(c(h w) - D, 0) / c(h) + weight(h) P(w | h')

(Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.8), or backed off: P(w | h) = (c(h w) - D) / c(h) if h w
was seen, else alpha(h) P(w | h'), with alpha(h) such that the sum is one (Katz 1987 for backing off).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import (
    Estimate,
    Kept,
    Numerators,
    Shares,
    backoff_estimate,
    interpolated_estimate,
    is_every_word_seen,
    sum_by_context,
)
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch

FALLBACK_DISCOUNT = 0.5
"""Discount of an order in which no n-gram is seen once, or none twice."""


def interpolated_absolute(counts: Counts, kept: Kept, scratch: Scratch, discount: float | None = None) -> Estimate:
    """Estimate interpolated, with `discount` or one estimated for each order.

    `details` have the discounts, and the orders whose counts give none, if any: these take FALLBACK_DISCOUNT.
    """
    seen = _seen_by_order(counts, scratch)
    discounts = [discount_of(*rarely) if discount is None else discount for rarely in seen]
    fallback = _fallback_orders(seen) if discount is None else {}
    shares = map(shares_less, discounts)
    return interpolated_estimate(counts, kept, shares, {"discounts": discounts} | fallback, scratch)


def shares_less(discount: float) -> Shares:
    """Return what tells the discounted counts of a part, and the sums of the counts of its contexts."""
    return lambda part: (subtract_discount(part.level.count, discount), sum_by_context(part.level, part.level.count))


def backoff_absolute(counts: Counts, kept: Kept, scratch: Scratch) -> Estimate:
    """Estimate backed off, with a discount for each order; `details` are as of `interpolated_absolute`.

    That of the unigrams is zero where every word was seen: no word is left to give anything to.
    """
    seen = _seen_by_order(counts, scratch)
    discounts = [discount_of(*rarely) for rarely in seen]
    if is_every_word_seen(counts):
        discounts[0] = 0.0
    first = 2 if is_every_word_seen(counts) else 1
    details = {"discounts": discounts} | _fallback_orders(seen, first)
    return backoff_estimate(counts, kept, map(discounted_counts, discounts), details, scratch)


def discounted_counts(discount: float) -> Numerators:
    """Return what tells the counts of a part less a discount."""
    return lambda part: subtract_discount(part.level.count, discount)


def _seen_by_order(counts: Counts, scratch: Scratch) -> list[tuple[int, int]]:
    return [_seen_rarely(level.count, scratch) for level in counts.levels]


def _fallback_orders(seen: Sequence[tuple[int, int]], first: int = 1) -> dict[str, list[int]]:
    """Return as a field of details the orders from `first` on whose counts give no discount, if any."""
    orders = [n for n, rarely in enumerate(seen, 1) if n >= first and not all(rarely)]
    return {"fallback_orders": orders} if orders else {}


def _seen_rarely(occurrences: IntArray, scratch: Scratch) -> tuple[int, int]:
    """Return how many n-grams are seen once, and how many twice."""
    once = twice = 0
    for part in scratch.slices(len(occurrences)):
        once += int(np.count_nonzero(occurrences[part] == 1))
        twice += int(np.count_nonzero(occurrences[part] == 2))
    return once, twice


def subtract_discount(occurrences: IntArray, discount: float) -> Float64Array:
    """Subtract a discount from counts; none falls below zero."""
    discounted: Float64Array = np.maximum(occurrences - discount, 0.0)
    return discounted


def estimate_discount(occurrences: IntArray, scratch: Scratch | None = None) -> float:
    """Return D = n_1 / (n_1 + 2 n_2), n_k n-grams being seen k times (Ney, Essen and Kneser 1994, eq. 21)."""
    return discount_of(*_seen_rarely(occurrences, scratch or Scratch()))


def discount_of(once: int, twice: int) -> float:
    """Return the discount where so many n-grams are seen once, and so many twice."""
    return once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT
