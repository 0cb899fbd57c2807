"""Interpolated Kneser-Ney smoothing, modified (three discounts an order) or with one discount.

Below the highest order it takes continuation counts, `Counts.adjusted_counts`.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999, section 4.1.6, equations
(24) to (26) for three, section 4.1.5 for one (interpolated, where Kneser and Ney 1995 back off). Unigrams are
interpolated with the uniform distribution, as in `lmplz`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.kernels.jit import compiled
from models.ngram.counting.counts import Counts
from models.ngram.smoothing.absolute_discounting import FALLBACK_DISCOUNT
from models.ngram.smoothing.estimate import Estimate, Kept, LevelPart, Shares, interpolated_estimate, sum_by_context
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Discounts for an order whose counts of counts give none; `lmplz --discount_fallback` has the same."""


def kneser_ney(counts: Counts, kept: Kept, scratch: Scratch) -> Estimate:
    """Estimate with three discounts an order (modified Kneser-Ney), those of `modified_discounts`.

    `details` hold the discounts of each order and the orders that took the fallback: where a count of counts is zero
    or a discount falls outside (0, k], as happens on small or artificial corpora, that order discounts 0.5, 1, 1.5.
    """
    return _estimate(counts, kept, three_discounts, FALLBACK_DISCOUNTS, scratch)


def interpolated_kneser_ney(counts: Counts, kept: Kept, scratch: Scratch, discount: float | None = None) -> Estimate:
    """Estimate with one discount an order: `discount`, or D = n_1 / (n_1 + 2 n_2), or else 0.5."""
    discounts_of = single_discount if discount is None else lambda _: [discount]
    return _estimate(counts, kept, discounts_of, (FALLBACK_DISCOUNT,), scratch)


def single_discount(n: Sequence[float]) -> Sequence[float] | None:
    """Return the one discount that counts of counts `n` give, or None."""
    return [n[1] / (n[1] + 2 * n[2])] if n[1] and n[2] else None


def _estimate(
    counts: Counts,
    kept: Kept,
    discounts_of: Callable[[Sequence[float]], Sequence[float] | None],
    default: Sequence[float],
    scratch: Scratch,
) -> Estimate:
    discounts: list[list[float]] = []
    fallback: list[int] = []

    def shares() -> Iterator[Shares]:
        for n in range(1, len(counts.levels) + 1):
            adjusted = counts.adjusted_counts(n, scratch)
            amounts = discounts_of(counts_of_counts(adjusted, scratch=scratch))
            if amounts is None:
                amounts = default
                fallback.append(n)
            discounts.append(list(amounts))
            yield discounted_shares(adjusted, amounts)

    return interpolated_estimate(counts, kept, shares(), {"discounts": discounts, "fallback_orders": fallback}, scratch)


def discounted_shares(adjusted: IntArray, amounts: Sequence[float]) -> Shares:
    """Return what tells the discounted counts of a part, and the sums of the counts of its contexts."""

    def shares(part: LevelPart) -> tuple[Float64Array, Float64Array]:
        own = adjusted[part.rows]
        return subtract_discounts(own, amounts), sum_by_context(part.level, own)

    return shares


def modified_discounts(adjusted: IntArray) -> Sequence[float] | None:
    """Return the discounts of counts one, two, and three or more, or None where they give none."""
    return three_discounts(counts_of_counts(adjusted))


def three_discounts(n: Sequence[float]) -> Sequence[float] | None:
    """Return the discounts of counts one, two, and three or more (equation 26), or None.

    With n_k the number of n-grams counted k times and Y = n_1 / (n_1 + 2 n_2), D_k = k - (k + 1) Y n_{k+1} / n_k.
    """
    if not all(n[1:4]):
        return None
    y = n[1] / (n[1] + 2 * n[2])
    amounts = [float(k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3)]
    return amounts if all(0 < d <= k for k, d in enumerate(amounts, start=1)) else None


def counts_of_counts(occurrences: IntArray, most: int = 4, scratch: Scratch | None = None) -> list[float]:
    """Return how many n-grams are counted 0, 1, ... `most` times, and how many more often."""
    sizes = np.zeros(most + 2)
    for part in (scratch or Scratch()).slices(len(occurrences)):
        _tally_counts(occurrences[part], sizes)
    return [float(n) for n in sizes]


def subtract_discounts(adjusted: IntArray, amounts: Sequence[float]) -> Float64Array:
    """Subtract from each count the discount of its size, the last for all larger ones; zero stays zero."""
    discounted = np.empty(len(adjusted))
    _subtract(adjusted, np.array([0.0, *amounts]), discounted)
    return discounted


@compiled
def _tally_counts(occurrences: IntArray, out: Float64Array) -> None:
    for count in occurrences:
        out[min(count, len(out) - 1)] += 1


@compiled
def _subtract(adjusted: IntArray, amounts: Float64Array, out: Float64Array) -> None:
    for row in range(len(adjusted)):
        out[row] = adjusted[row] - amounts[min(adjusted[row], len(amounts) - 1)]
