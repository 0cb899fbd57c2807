"""Jelinek-Mercer: relative frequencies of all orders mixed, with weights that held-out occurrences choose.

P(w | h) = l(h) c(h w) / c(h) + (1 - l(h)) P(w | h'), down to the uniform distribution (Jelinek and Mercer 1980; Chen
and Goodman 1999, section 2.4). Contexts seen about as often, by powers of two, share a weight. Every occurrence of the
text is held out in turn: it is predicted by counts that lack it, and expectation-maximisation makes the weights under
which all of them are most probable. It knows counts; it does not know tables or files.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.ngram.counting.counts import Counts, Level
from models.ngram.smoothing.estimate import Estimate, Floats, Kept, interpolated_estimate, sum_by_context
from models.utils.arrays import IntArray

MAX_EM_ROUNDS = 100
"""Of expectation-maximisation, at the most."""
_CONVERGED_BELOW = 1e-6


def jelinek_mercer(counts: Counts, kept: Kept) -> Estimate:
    """Probabilities of all n-grams, back-off weights of all contexts.

    `facts["weights"]` holds l per order from 1, of contexts seen once, 2 to 3 times, 4 to 7 times, and so on.
    """
    facts: dict[str, list[list[float]]] = {"weights": []}

    def parts() -> Iterator[tuple[Floats, Floats]]:
        others = np.full(1, 1.0 / counts.vocabulary_size)  # the probabilities without the occurrence itself
        for level in counts.levels:
            totals = sum_by_context(level, level.count)
            seen, others = _leave_one_out(level, totals), others[level.suffix]
            bucket = np.frexp(np.maximum(totals, 1))[1] - 1
            buckets = np.repeat(bucket, np.diff(level.begins))
            weights = maximize_weights(seen, others, level.count, buckets)
            facts["weights"].append(weights.tolist())
            others = weights[buckets] * seen + (1 - weights[buckets]) * others
            yield weights[buckets] * level.count, totals

    return interpolated_estimate(counts, kept, parts(), facts)


def _leave_one_out(level: Level, totals: Floats) -> Floats:
    """The relative frequency of each n-gram with one of its occurrences taken away; zero where none is left."""
    rest = np.repeat(np.maximum(totals - 1, 1), np.diff(level.begins))
    left: Floats = np.maximum(level.count - 1, 0) / rest
    return left


def maximize_weights(seen: Floats, others: Floats, occurrences: IntArray, buckets: IntArray) -> Floats:
    """The weight of `seen` against `others` in each bucket that makes the occurrences most probable, below 1.

    One occurrence more in each is of something never seen: no weight leaves nothing to the unseen.
    """
    totals = np.bincount(buckets, occurrences)
    weights = np.where(totals > 0, 0.5, 0.0)
    for _ in range(MAX_EM_ROUNDS):
        first = weights[buckets] * seen
        share = occurrences * first / (first + (1 - weights[buckets]) * others)
        found = np.bincount(buckets, share) / (totals + 1)
        moved = np.abs(found - weights).max(initial=0.0)
        weights = found
        if moved < _CONVERGED_BELOW:
            break
    return weights
