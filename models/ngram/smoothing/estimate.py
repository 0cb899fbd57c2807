"""Estimate: the probabilities and back-off weights that a smoothing makes of counts.

`estimator.build_table` makes a table of it. Most smoothings end with `interpolated_estimate` or `backoff_estimate`,
which turn the shares of the seen words of each order into whole distributions, order by order from the unigrams up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from models.kernels.jit import Int, compiled
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.parallel import context_ranges, parallel_map

Kept: TypeAlias = Sequence[BoolArray]
"""Per order, unigrams first, which n-grams stay in the table: [rows] of each level."""
ShareTerms: TypeAlias = "Iterator[tuple[IntArray | Float64Array, Float64Array]]"
"""Per order from 1, the numerators [rows] of shares and their denominators [contexts]."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Probabilities and back-off weights, not as logarithms, in the order of the rows of `Counts`."""

    probabilities: list[Float64Array]
    """Per order from 1, P(last word | the words before it) of each n-gram."""
    backoff_weights: list[Float64Array]
    """Per order from 0, the back-off weight of each context: the factor of an unlisted word's lower-order share."""
    details: dict[str, Any] = field(default_factory=dict)
    """Discounts, weights and orders that took a fallback, JSON-ready."""


def sum_by_context(level: Level, values: IntArray | Float64Array | BoolArray) -> Float64Array:
    """Sum `values` [rows] for each context; zero for those without rows."""
    totals = np.empty(len(level.child_offsets) - 1)
    _sum_rows(level.child_offsets, values, totals)
    return totals


def interpolated_estimate(counts: Counts, kept: Kept, shares: ShareTerms, details: dict[str, Any]) -> Estimate:
    """Compute P(w | h) = share(h w) + weight(h) P(w | h'), with h' the context h without its first word.

    `shares` are, order by order from 1, the numerators [rows] and denominators [contexts] of the shares. The weight
    is what kept shares leave of one; order 0 is uniform.
    """
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    lower = counts.uniform
    for level, level_kept, (numerators, denominators) in zip(counts.levels, kept, shares, strict=True):
        level_weights, p = np.ones(len(denominators)), np.empty(len(level))
        arrays = level.child_offsets, level.suffix, numerators, denominators, level_kept, lower, p, level_weights
        interpolate, ranges = partial(_interpolate, *arrays), context_ranges(level.child_offsets)
        parallel_map(lambda bounds: interpolate(*bounds), ranges)  # noqa: B023 (used at once)
        probabilities.append(p)
        weights.append(level_weights)
        lower = p
    return Estimate(probabilities, weights, details)


def backoff_estimate(
    counts: Counts, kept: Kept, numerators: Iterable[Float64Array], details: dict[str, Any]
) -> Estimate:
    """Compute P(w | h) = numerator(h w) / c(h) if h w was seen, else alpha(h) P(w | h').

    alpha(h) is such that the sum is one. Unigrams that were never seen share what the seen ones give up evenly. A
    context that lists the whole vocabulary (the empty one, where every word was seen) has nothing to back off to, so
    nothing is taken from its counts: P(w | h) = c(h w) / c(h). One that would give nothing up though there are words
    that it does not list has one occurrence added to c(h), as in SRILM.
    """
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    lower = counts.uniform
    for level, level_kept, numerator in zip(counts.levels, kept, numerators, strict=True):
        listed = level_kept & (level.count > 0)
        sizes, totals = np.diff(level.child_offsets), sum_by_context(level, level.count)
        complete = sum_by_context(level, listed) == counts.word_count
        amounts = np.where(np.repeat(complete, sizes), level.count, numerator) if complete.any() else numerator
        listed_mass = sum_by_context(level, amounts * listed)
        totals += ~complete & (listed_mass >= totals * (1 - 1e-9))
        shares = amounts / np.repeat(totals, sizes)
        weights.append(backoff_weights(level, shares, lower, listed, complete))
        lower = np.where(level.count > 0, shares, np.repeat(weights[-1], sizes) * lower[level.suffix])
        probabilities.append(lower)
    return Estimate(probabilities, weights, details)


def backoff_weights(
    level: Level, probabilities: Float64Array, lower: Float64Array, listed: BoolArray, complete: BoolArray
) -> Float64Array:
    """Return each context's back-off weight: what its words leave of one, over what they leave below.

    `listed` words [rows] count; `lower` are probabilities one order below; `complete` contexts pass nothing on.
    """
    left = 1.0 - sum_by_context(level, probabilities * listed)
    left_below = 1.0 - sum_by_context(level, lower[level.suffix] * listed)
    return np.where(complete, 0.0, left / np.where(complete, 1.0, left_below))


def is_every_word_seen(counts: Counts) -> bool:
    """Return whether each word of the vocabulary occurs, so that no unigram needs a discount."""
    return bool(np.count_nonzero(counts.levels[0].count) == counts.word_count)


@compiled
def _sum_rows(child_offsets: IntArray, values: IntArray | Float64Array | BoolArray, out: Float64Array) -> None:
    for context in range(len(out)):
        total = 0.0
        for row in range(child_offsets[context], child_offsets[context + 1]):
            total += values[row]
        out[context] = total


@compiled
def _interpolate(
    child_offsets: IntArray,
    suffix: IntArray,
    numerators: IntArray | Float64Array,
    denominators: Float64Array,
    kept: BoolArray,
    lower: Float64Array,
    out: Float64Array,
    weights: Float64Array,
    first: Int,
    end: Int,
) -> None:
    """Write probabilities and weights of the contexts from `first` to `end`; `weights` begin as ones."""
    for context in range(first, end):
        for row in range(child_offsets[context], child_offsets[context + 1]):
            # Kneser-Ney finds nothing before any word where a closed vocabulary has left no bigram.
            out[row] = numerators[row] / denominators[context] if denominators[context] > 0 else 0.0
            if kept[row]:
                weights[context] -= out[row]
        for row in range(child_offsets[context], child_offsets[context + 1]):
            out[row] += weights[context] * lower[suffix[row]]
