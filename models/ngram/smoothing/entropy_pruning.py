"""Relative-entropy pruning: leaving out n-grams that change the model least.

For each n-gram h w that nothing longer builds on, it measures how far the distribution moves, in relative entropy, if
h w alone were left to back-off and alpha(h) made anew:

    D = -P(h) (P(w|h) (log P(w|h') + log alpha'(h) - log P(w|h)) + (log alpha'(h) - log alpha(h)) (1 - sum of P(.|h)))

and leaves out those by which the perplexity rises by less than a threshold, exp(D) - 1 (Stolcke 1998, equations 3 to
5), the highest order first. P(h) is how often h was seen in the text: the product of lower-order Kneser-Ney
probabilities, which Stolcke takes, is no estimate of it (Chelba, Brants, Neveitt and Xu 2010). It knows counts and
estimates; it does not know tables or files.
"""

from __future__ import annotations

import math

import numpy as np

from models.kernels.jit import compiled
from models.ngram.counting.counts import Counts
from models.ngram.smoothing.estimate import Bools, Estimate, Floats, Kept, backoff_weights, sum_by_context
from models.utils.arrays import IntArray


def prune_by_entropy(counts: Counts, estimate: Estimate, kept: Kept, threshold: float) -> tuple[Estimate, Kept]:
    """The estimate with new back-off weights, and what of `kept` stays; all words do."""
    probabilities = estimate.probabilities
    stays = [chosen.copy() for chosen in kept]
    text = float(counts.levels[0].count.sum())
    longer = np.zeros(len(counts.levels[-1]), np.bool_)
    for n in range(len(counts.levels), 1, -1):
        level, chosen = counts.levels[n - 1], stays[n - 1]
        histories = sum_by_context(level, level.count) / text
        _drop_cheap_ngrams(
            level.begins, probabilities[n - 1], probabilities[n - 2][level.suffix], histories, longer, threshold, chosen
        )
        longer = sum_by_context(level, chosen) > 0
    return _renormalized(counts, estimate, stays), stays


def _renormalized(counts: Counts, estimate: Estimate, kept: Kept) -> Estimate:
    """The weights that make every context's distribution sum to one; what is not kept has what back-off gives it."""
    probabilities: list[Floats] = []
    weights: list[Floats] = []
    lower = np.full(1, 1.0 / counts.vocabulary_size)
    for level, chosen, p in zip(counts.levels, kept, estimate.probabilities, strict=True):
        complete = sum_by_context(level, chosen) == counts.vocabulary_size
        weights.append(backoff_weights(level, p, lower, chosen, complete))
        lower = np.where(chosen, p, np.repeat(weights[-1], np.diff(level.begins)) * lower[level.suffix])
        probabilities.append(lower)
    return Estimate(probabilities, weights, estimate.details)


@compiled
def _drop_cheap_ngrams(
    begins: IntArray, p: Floats, lower: Floats, histories: Floats, needed: Bools, threshold: float, kept: Bools
) -> None:
    """Let go of those kept n-grams that are not `needed` and whose loss costs less than `threshold`."""
    for context in range(len(begins) - 1):
        left, below = 1.0, 1.0
        for row in range(begins[context], begins[context + 1]):
            if kept[row]:
                left, below = left - p[row], below - lower[row]
        if left <= 0 or below <= 0:
            continue  # every word is listed, or as good as
        for row in range(begins[context], begins[context + 1]):
            if kept[row] and not needed[row] and lower[row] > 0 and p[row] > 0:
                weight = math.log((left + p[row]) / (below + lower[row]))
                moved = p[row] * (math.log(lower[row]) + weight - math.log(p[row]))
                moved += (weight - math.log(left / below)) * left
                kept[row] = math.exp(-histories[context] * moved) - 1 >= threshold
