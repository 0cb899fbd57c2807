"""Katz back-off: rare n-grams are discounted as Good and Turing estimate, the rest goes to the unseen.

P(w | h) = d(c) c(h w) / c(h) if h w was seen c times, else alpha(h) P(w | h'). Counts above k are believed, d = 1;
below, with n_r n-grams seen r times and r* = (r + 1) n_{r+1} / n_r,

    d(r) = (r* / r - (k + 1) n_{k+1} / n_1) / (1 - (k + 1) n_{k+1} / n_1)

(Katz 1987; Chen and Goodman 1999, section 2.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.absolute_discounting import discounted_counts, estimate_discount
from models.ngram.smoothing.estimate import (
    Estimate,
    Kept,
    LevelPart,
    Numerators,
    backoff_estimate,
    is_every_word_seen,
)
from models.ngram.smoothing.kneser_ney import counts_of_counts
from models.utils.arrays import Float64Array
from models.utils.scratch import Scratch

COUNT_CUTOFF = 5
"""Katz's k: larger counts are not discounted."""


def katz(counts: Counts, kept: Kept, scratch: Scratch) -> Estimate:
    """Estimate the probabilities of all n-grams and the back-off weights of all contexts.

    Where the counts of counts give no discounts between 0 and 1, as on small corpora or for unigrams, an order has the
    largest smaller k that does; where none does, absolute discounting as in `backoff_absolute`. `details` hold the
    discounts of each order and the orders that took this last way out; unigrams have none where every word was seen.
    """
    discounts: list[list[float]] = []
    fallback: list[int] = []

    def numerators() -> Iterator[Numerators]:
        for n, level in enumerate(counts.levels, start=1):
            needs_none = n == 1 and is_every_word_seen(counts)
            rarely = counts_of_counts(level.count, COUNT_CUTOFF + 1, scratch)
            factors = [] if needs_none else good_turing_discounts(rarely)
            discounts.append(list(factors))
            if needs_none:
                yield plain_counts
            elif factors:
                yield scaled_counts(factors)
            else:
                fallback.append(n)
                yield discounted_counts(estimate_discount(level.count, scratch))

    details = {"discounts": discounts, "fallback_orders": fallback}
    return backoff_estimate(counts, kept, numerators(), details, scratch)


def plain_counts(part: LevelPart) -> Float64Array:
    """Return the counts of a part, of which nothing is taken."""
    return part.level.count.astype(np.float64)


def scaled_counts(factors: Sequence[float]) -> Numerators:
    """Return what tells the counts of a part, each times the factor of its size; larger ones are believed."""
    factor_by_count = np.array([0.0, *factors, 1.0])
    return lambda part: part.level.count * factor_by_count[np.minimum(part.level.count, len(factors) + 1)]


def good_turing_discounts(n: Sequence[float]) -> list[float]:
    """Return d(1) to d(k) for the largest k up to 5 for which all are in (0, 1]; [] for no such k.

    `n[r]` n-grams are seen r times.
    """
    for k in range(COUNT_CUTOFF, 0, -1):
        if not all(n[1 : k + 1]):
            continue
        cutoff_share = (k + 1) * n[k + 1] / n[1]
        if cutoff_share >= 1:
            continue
        factors = [((r + 1) * n[r + 1] / (r * n[r]) - cutoff_share) / (1 - cutoff_share) for r in range(1, k + 1)]
        if all(0 < d <= 1 for d in factors):
            return factors
    return []
