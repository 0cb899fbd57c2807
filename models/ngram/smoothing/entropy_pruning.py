"""Relative-entropy pruning: leaves out the n-grams that change the model least.

For each n-gram h w that nothing longer builds on, it measures how far the distribution moves, in relative entropy, if
h w alone were left to back-off and alpha(h) made anew:

    D = -P(h) (P(w|h) (log P(w|h') + log alpha'(h) - log P(w|h)) + (log alpha'(h) - log alpha(h)) (1 - sum of P(.|h)))

and leaves out those by which the perplexity rises by less than a threshold, exp(D) - 1 (Stolcke 1998, equations 3 to
5), the highest order first. P(h) is how often h was seen in the text: the product of lower-order Kneser-Ney
probabilities, which Stolcke takes, is no estimate of it (Chelba, Brants, Neveitt and Xu 2010).
"""

from __future__ import annotations

import math

import numpy as np

from models.kernels.jit import compiled
from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Estimate, Kept, backoff_weights, sum_by_context
from models.utils.arrays import BoolArray, Float64Array, IntArray


def prune_by_entropy(counts: Counts, estimate: Estimate, kept: Kept, threshold: float) -> tuple[Estimate, Kept]:
    """Return the estimate with new back-off weights, and what of `kept` stays; all words do."""
    probabilities = estimate.probabilities
    pruned = [level_kept.copy() for level_kept in kept]
    tokens = float(counts.levels[0].count.sum())
    has_children = np.zeros(len(counts.levels[-1]), np.bool_)
    for n in range(len(counts.levels), 1, -1):
        level, level_kept = counts.levels[n - 1], pruned[n - 1]
        history_shares = sum_by_context(level, level.count) / tokens
        p, lower = probabilities[n - 1], probabilities[n - 2][level.suffix]
        _drop_cheap_ngrams(level.child_offsets, p, lower, history_shares, has_children, threshold, level_kept)
        has_children = sum_by_context(level, level_kept) > 0
    return _renormalize_backoff_weights(counts, estimate, pruned), pruned


def _renormalize_backoff_weights(counts: Counts, estimate: Estimate, kept: Kept) -> Estimate:
    """Renormalize the back-off weights; n-grams not kept get the probability that backing off gives them."""
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    lower = counts.uniform
    for level, level_kept, p in zip(counts.levels, kept, estimate.probabilities, strict=True):
        complete = sum_by_context(level, level_kept) >= counts.word_count
        weights.append(backoff_weights(level, p, lower[level.suffix], level_kept, complete))
        backed_off = np.repeat(weights[-1], np.diff(level.child_offsets)) * lower[level.suffix]
        lower = np.where(level_kept, p, backed_off)
        probabilities.append(lower)
    return Estimate(probabilities, weights, estimate.details)


@compiled
def _drop_cheap_ngrams(
    child_offsets: IntArray,
    p: Float64Array,
    lower: Float64Array,
    history_shares: Float64Array,
    has_children: BoolArray,
    threshold: float,
    kept: BoolArray,
) -> None:
    """Unset `kept` for n-grams without children whose loss raises the perplexity by less than `threshold`.

    `p` and `lower` are the probabilities of each n-gram and of the same word one order below, `history_shares` the
    share of each context among the tokens of the text.
    """
    for context in range(len(child_offsets) - 1):
        left, left_below = 1.0, 1.0
        for row in range(child_offsets[context], child_offsets[context + 1]):
            if kept[row]:
                left, left_below = left - p[row], left_below - lower[row]
        if left <= 0 or left_below <= 0:
            continue  # all words are listed, or nearly
        for row in range(child_offsets[context], child_offsets[context + 1]):
            if kept[row] and not has_children[row] and lower[row] > 0 and p[row] > 0:
                weight = math.log((left + p[row]) / (left_below + lower[row]))
                divergence = p[row] * (math.log(lower[row]) + weight - math.log(p[row]))
                divergence += (weight - math.log(left / left_below)) * left
                kept[row] = math.exp(-history_shares[context] * divergence) - 1 >= threshold
