"""Jelinek-Mercer smoothing: relative frequencies of all orders, mixed by held-out weights.

P(w | h) = l(h) c(h w) / c(h) + (1 - l(h)) P(w | h'), down to the uniform distribution (Jelinek and Mercer 1980; Chen
and Goodman 1999, section 2.4). Contexts seen about as often, by powers of two, share a weight. Each occurrence of the
text is held out in turn: it is predicted by counts that lack it, and expectation-maximization finds the weights under
which all occurrences are most probable.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Estimate, Kept, Shares, interpolated_estimate, sum_by_context
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch

MAX_EM_ROUNDS = 100
"""Most rounds of expectation-maximization."""
_CONVERGED_BELOW = 1e-6
"""Change of all weights below which the rounds end."""


def jelinek_mercer(counts: Counts, kept: Kept, scratch: Scratch) -> Estimate:
    """Estimate the probabilities of all n-grams and the back-off weights of all contexts.

    `details["weights"]` holds l per order from 1, of contexts seen once, 2 to 3 times, 4 to 7 times, and so on.
    """
    details: dict[str, list[list[float]]] = {"weights": []}

    def shares() -> Iterator[Shares]:
        lower = counts.uniform  # probabilities without the occurrence itself
        for level in counts.levels:
            totals = sum_by_context(level, level.count)
            frequencies, lower = _leave_one_out(level, totals), lower[level.suffix]
            bucket = np.frexp(np.maximum(totals, 1))[1] - 1
            buckets = np.repeat(bucket, np.diff(level.child_offsets))
            weights = maximize_weights(frequencies, lower, level.count, buckets)
            details["weights"].append(weights.tolist())
            lower = weights[buckets] * frequencies + (1 - weights[buckets]) * lower
            yield _shares_of(weights[buckets] * level.count, totals)

    return interpolated_estimate(counts, kept, shares(), details, scratch)


def _shares_of(numerators: Float64Array, denominators: Float64Array) -> Shares:
    return lambda part: (numerators[part.rows], denominators[part.contexts])


def _leave_one_out(level: Level, totals: Float64Array) -> Float64Array:
    """Return each n-gram's relative frequency without one of its occurrences; zero where none is left."""
    totals_without = np.repeat(np.maximum(totals - 1, 1), np.diff(level.child_offsets))
    frequencies: Float64Array = np.maximum(level.count - 1, 0) / totals_without
    return frequencies


def maximize_weights(
    frequencies: Float64Array, lower: Float64Array, occurrences: IntArray, buckets: IntArray
) -> Float64Array:
    """Return the weight of `frequencies` against `lower` in each bucket, by maximum likelihood.

    That is, the weights under which `occurrences` are most probable. They are below 1: one more occurrence in each
    bucket is of something never seen.
    """
    totals = np.bincount(buckets, occurrences)
    weights = np.where(totals > 0, 0.5, 0.0)
    for _ in range(MAX_EM_ROUNDS):
        weighted = weights[buckets] * frequencies
        mixed = weighted + (1 - weights[buckets]) * lower
        # In a closed vocabulary one word is impossible, and never occurs.
        expected = occurrences * weighted / np.where(mixed > 0, mixed, 1.0)
        new_weights = np.bincount(buckets, expected) / (totals + 1)
        change = np.abs(new_weights - weights).max(initial=0.0)
        weights = new_weights
        if change < _CONVERGED_BELOW:
            break
    return weights
