"""Witten-Bell smoothing: unseen words share as much as there were first occurrences.

P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), with T(h) the number of different words seen after h, interpolated
down to the uniform distribution (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.7).
"""

from __future__ import annotations

from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Estimate, Kept, LevelPart, interpolated_estimate, sum_by_context
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch


def witten_bell(counts: Counts, kept: Kept, scratch: Scratch) -> Estimate:
    """Estimate the probabilities of all n-grams and the back-off weights of all contexts."""
    return interpolated_estimate(counts, kept, [witten_bell_shares] * len(counts.levels), {}, scratch)


def witten_bell_shares(part: LevelPart) -> tuple[IntArray, Float64Array]:
    """Return the counts of a part, and how often its contexts and their different words occurred."""
    level = part.level
    return level.count, sum_by_context(level, level.count) + sum_by_context(level, level.count > 0)
