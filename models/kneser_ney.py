"""Interpolated modified Kneser-Ney: three discounts an order, continuation counts below the highest.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999, section 4.1.6, equations
(24) to (26), with the unigrams interpolated with the uniform distribution, as `lmplz` does. It knows counts and
which n-grams are kept; it does not know tables or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.counts import Counts, Ints
from models.estimate import Estimate, Floats, Kept, sums

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts for an order whose counts of counts give none; `lmplz --discount_fallback` has the same."""


def kneser_ney(counts: Counts, kept: Kept) -> Estimate:
    """Probabilities of all n-grams, back-off weights of all contexts.

    `facts` hold the discounts of each order and the orders that took the fallback: where a count of counts is zero
    or a discount falls outside (0, k], as happens on small or artificial corpora, that order discounts 0.5, 1, 1.5.
    """
    probabilities: list[Floats] = []
    weights: list[Floats] = []
    discounts: list[list[float]] = []
    fallback: list[int] = []
    lower = np.full(1, 1.0 / counts.vocabulary_size)
    for n, (level, adjusted) in enumerate(zip(counts.levels, counts.adjusted(), strict=True), start=1):
        amounts = closed_form(adjusted)
        if amounts is None:
            amounts = FALLBACK
            fallback.append(n)
        discounts.append(list(amounts))
        totals = sums(level.parent, adjusted, counts.contexts(n - 1))
        shares = discounted(adjusted, amounts) / totals[level.parent]
        weights.append(1.0 - sums(level.parent, shares * kept[n - 1], counts.contexts(n - 1)))
        lower = shares + weights[-1][level.parent] * lower[level.suffix]
        probabilities.append(lower)
    return Estimate(probabilities, weights, {"discounts": discounts, "fallback_orders": fallback})


def closed_form(adjusted: Ints) -> Sequence[float] | None:
    """The discounts of counts one, two, and three or more (equation 26); None where they cannot be had.

    With n_k the number of n-grams counted k times and Y = n_1 / (n_1 + 2 n_2), D_k = k - (k + 1) Y n_{k+1} / n_k.
    """
    n = np.bincount(np.minimum(adjusted, 5), minlength=6).astype(float)
    if not n[1:4].all():
        return None
    y = n[1] / (n[1] + 2 * n[2])
    amounts = [float(k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3)]
    return amounts if all(0 < d <= k for k, d in enumerate(amounts, start=1)) else None


def discounted(adjusted: Ints, amounts: Sequence[float]) -> NDArray[np.float64]:
    """Counts less the discount of their size; a count of zero stays zero."""
    by_size: NDArray[Any] = np.array([0.0, *amounts])
    return np.asarray(adjusted - by_size[np.minimum(adjusted, 3)], np.float64)
