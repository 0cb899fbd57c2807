"""Additive smoothing: relative frequencies, as they are or with a constant added to each count."""

from __future__ import annotations

import numpy as np

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Estimate, sum_by_context
from models.utils.arrays import Float64Array


def mle(counts: Counts) -> Estimate:
    """Estimate P(w | h) = c(h w) / c(h). A context that was seen gives zero to each word unseen after it."""
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    for level in counts.levels:
        totals = sum_by_context(level, level.count)
        probabilities.append(level.count / totals[level.parent])
        weights.append(np.where(totals > 0, 0.0, 1.0))
    return Estimate(probabilities, weights)


def add_delta(counts: Counts, delta: float) -> Estimate:
    """Estimate P(w | h) = (c(h w) + delta) / (c(h) + delta V), and 1 / V where h was never seen.

    A whole context has N - 1 words, or fewer and begins at the boundary. All shorter ones are uniform, so that
    backing off from a whole one with the weight delta V / (c(h) + delta V) gives an unlisted word its share.
    """
    uniform, total_delta = counts.uniform, delta * counts.word_count
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    boundary_contexts = [(0, 0), (1, 2), *counts.boundary_rows()[1:]]
    for n, level in enumerate(counts.levels, start=1):
        whole = np.full(counts.context_count(n - 1), n == len(counts.levels))
        whole[slice(*boundary_contexts[n - 1])] = True
        totals = sum_by_context(level, level.count) + total_delta
        shares = (level.count + delta) / totals[level.parent]
        lowest = uniform[level.suffix] if n == 1 else uniform[0]
        probabilities.append(np.where(whole[level.parent], shares, lowest) * (lowest > 0))
        weights.append(np.where(whole, total_delta / totals, 1.0))
    return Estimate(probabilities, weights)
