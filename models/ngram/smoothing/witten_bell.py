"""Witten-Bell: what was never seen after a context gets as much as there were first times.

P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), with T(h) the number of different words seen after h, interpolated
down to the uniform distribution (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.7). It knows counts;
it does not know tables or files.
"""

from __future__ import annotations

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Estimate, Kept, interpolated_estimate, sum_by_context


def witten_bell(counts: Counts, kept: Kept) -> Estimate:
    """Probabilities of all n-grams, back-off weights of all contexts."""
    parts = (
        (level.count, sum_by_context(level, level.count) + sum_by_context(level, level.count > 0))
        for level in counts.levels
    )
    return interpolated_estimate(counts, kept, parts, {})
