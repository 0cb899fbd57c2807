"""Interpolated Kneser-Ney, modified or not: three discounts an order or one, continuation counts below the highest.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999, section 4.1.6, equations
(24) to (26) for three, section 4.1.5 for one (interpolated, where Kneser and Ney 1995 back off). Unigrams are
interpolated with the uniform distribution, as in `lmplz`. It knows counts and which n-grams are kept; it does not know
tables or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.kernels.jit import compiled
from models.ngram.counting.counts import Counts
from models.ngram.smoothing import absolute_discounting
from models.ngram.smoothing.estimate import Estimate, Floats, Kept, interpolated_estimate, sum_by_context
from models.utils.arrays import IntArray

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Discounts for an order whose counts of counts give none; `lmplz --discount_fallback` has the same."""


def kneser_ney(counts: Counts, kept: Kept) -> Estimate:
    """Modified: probabilities of all n-grams, back-off weights of all contexts.

    `facts` hold the discounts of each order and the orders that took the fallback: where a count of counts is zero
    or a discount falls outside (0, k], as happens on small or artificial corpora, that order discounts 0.5, 1, 1.5.
    """
    return _estimate(counts, kept, modified_discounts, FALLBACK_DISCOUNTS)


def interpolated_kneser_ney(counts: Counts, kept: Kept, given: float | None = None) -> Estimate:
    """The same with one discount an order, `given` or D = n_1 / (n_1 + 2 n_2), for which 0.5 stands in."""
    return _estimate(
        counts,
        kept,
        _single_discount if given is None else lambda _: [given],
        (absolute_discounting.FALLBACK_DISCOUNT,),
    )


def _single_discount(adjusted: IntArray) -> Sequence[float] | None:
    n = counts_of_counts(adjusted)
    return [n[1] / (n[1] + 2 * n[2])] if n[1] and n[2] else None


def _estimate(
    counts: Counts, kept: Kept, amounts: Callable[[IntArray], Sequence[float] | None], otherwise: Sequence[float]
) -> Estimate:
    discounts: list[list[float]] = []
    fallback: list[int] = []

    def parts() -> Iterator[tuple[Floats, Floats]]:
        for n, level in enumerate(counts.levels, start=1):
            adjusted = counts.adjusted_counts(n)
            found = amounts(adjusted)
            if found is None:
                found = otherwise
                fallback.append(n)
            discounts.append(list(found))
            yield subtract_discounts(adjusted, found), sum_by_context(level, adjusted)

    return interpolated_estimate(counts, kept, parts(), {"discounts": discounts, "fallback_orders": fallback})


def modified_discounts(adjusted: IntArray) -> Sequence[float] | None:
    """The discounts of counts one, two, and three or more (equation 26); None where they cannot be had.

    With n_k the number of n-grams counted k times and Y = n_1 / (n_1 + 2 n_2), D_k = k - (k + 1) Y n_{k+1} / n_k.
    """
    n = counts_of_counts(adjusted)
    if not all(n[1:4]):
        return None
    y = n[1] / (n[1] + 2 * n[2])
    amounts = [float(k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3)]
    return amounts if all(0 < d <= k for k, d in enumerate(amounts, start=1)) else None


def counts_of_counts(occurrences: IntArray, most: int = 4) -> list[float]:
    """How many are counted 0, 1, ... `most` times, and how many more often."""
    sizes = np.zeros(most + 2)
    _tally_counts(occurrences, sizes)
    return [float(n) for n in sizes]


def subtract_discounts(adjusted: IntArray, amounts: Sequence[float]) -> Floats:
    """Counts less the discount of their size, the last for all larger ones; a count of zero stays zero."""
    less = np.empty(len(adjusted))
    _subtract(adjusted, np.array([0.0, *amounts]), less)
    return less


@compiled
def _tally_counts(occurrences: IntArray, out: Floats) -> None:
    for count in occurrences:
        out[min(count, len(out) - 1)] += 1


@compiled
def _subtract(adjusted: IntArray, amounts: Floats, out: Floats) -> None:
    for row in range(len(adjusted)):
        out[row] = adjusted[row] - amounts[min(adjusted[row], len(amounts) - 1)]
