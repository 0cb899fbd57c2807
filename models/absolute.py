"""Back-off with absolute discounting: seen words keep their count less a constant, unseen ones share what it frees.

Not interpolated: P(w | h) = (c(h w) - D) / c(h) if h w was seen, else alpha(h) P(w | h'), with alpha(h) such that the
sum is one (Ney, Essen and Kneser 1994; Katz 1987 for backing off). It knows counts and which n-grams are kept; it
does not know tables or files.
"""

from __future__ import annotations

import numpy as np

from models.counts import Counts
from models.estimate import Estimate, Floats, Kept, sums
from models.suffix_order import Ints

FALLBACK = 0.5
"""The discount of an order in which no n-gram is seen once, or none twice."""


def backoff(counts: Counts, kept: Kept) -> Estimate:
    """Probabilities of all n-grams, back-off weights of all contexts; `facts` hold the discount of each order.

    Unigrams that were never seen share what the seen ones give up evenly. A context that lists the whole vocabulary
    has nothing to back off to, so it gives nothing up.
    """
    probabilities: list[Floats] = []
    weights: list[Floats] = []
    discounts = [discount(level.count) for level in counts.levels]
    lower = np.full(1, 1.0 / counts.vocabulary_size)
    for level, chosen, d in zip(counts.levels, kept, discounts, strict=True):
        listed = chosen & (level.count > 0)
        parent, totals = level.parent, sums(level, level.count)
        shares = np.maximum(level.count - d, 0.0) / totals[parent]
        held = sums(level, shares * listed)
        complete = sums(level, listed) == counts.vocabulary_size
        left = np.where(complete, 1.0, 1.0 - sums(level, lower[level.suffix] * listed))
        weights.append(np.where(complete, 0.0, (1.0 - held) / left))
        shares /= np.where(complete, held, 1.0)[parent]
        lower = np.where(level.count > 0, shares, weights[-1][parent] * lower[level.suffix])
        probabilities.append(lower)
    return Estimate(probabilities, weights, {"discounts": discounts})


def discount(occurrences: Ints) -> float:
    """D = n_1 / (n_1 + 2 n_2), n_k the number of n-grams seen k times (Ney, Essen and Kneser 1994, equation 21)."""
    once, twice = int(np.sum(occurrences == 1)), int(np.sum(occurrences == 2))
    return once / (once + 2 * twice) if once and twice else FALLBACK
