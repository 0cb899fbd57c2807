"""Estimate: the probabilities and back-off weights that a smoothing makes of counts, before they become a table.

It knows the arrays every smoothing returns, the sum they all take, and interpolation, which most of them end with;
it does not know what they put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled
from models.ngram.counting.counts import Counts, Level
from models.utils.arrays import IntArray
from models.utils.parallel import context_ranges, parallel_map, read_ahead

Floats: TypeAlias = "NDArray[np.float64]"
Bools: TypeAlias = "NDArray[np.bool_]"
Kept: TypeAlias = Sequence[Bools]
"""Per order, unigrams first, which n-grams stay in the table."""


ShareTerms: TypeAlias = "Iterator[tuple[IntArray | Floats, Floats]]"
"""Per order from 1, the numerators [rows] of shares and their denominators [contexts]."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Probabilities, not logarithms, in the order of the rows of `Counts`."""

    probabilities: list[Floats]
    """Per order from 1, P(last word | the words before it) of each n-gram."""
    backoff_weights: list[Floats]
    """Per order from 0, the back-off weight of each context: what an unlisted word's lower-order share is times."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the estimation found, JSON-ready: discounts, orders without any."""


def sum_by_context(level: Level, values: IntArray | Floats | Bools) -> Floats:
    """The sum of `values` [rows] for each context, zero for those without rows."""
    totals = np.empty(len(level.begins) - 1)
    _sum_rows(level.begins, values, totals)
    return totals


def interpolated_estimate(counts: Counts, kept: Kept, parts: ShareTerms, facts: dict[str, Any]) -> Estimate:
    """P(w | h) = share(h w) + weight(h) P(w | h'), with h' the context h without its first word.

    `parts` are, order by order from 1, the numerators [rows] and denominators [contexts] of the shares. The weight is
    what the kept shares leave of one; below the unigrams all words are equally likely.
    """
    probabilities: list[Floats] = []
    weights: list[Floats] = []
    lower = np.full(1, 1.0 / counts.vocabulary_size)
    for level, chosen, (numerators, denominators) in zip(counts.levels, kept, read_ahead(parts), strict=True):
        left, p = np.ones(len(denominators)), np.empty(len(level))
        loop = partial(_interpolate, level.begins, level.suffix, numerators, denominators, chosen, lower, p, left)
        parallel_map(lambda cut: loop(*cut), context_ranges(level.begins))  # noqa: B023 (done before the next one)
        probabilities.append(p)
        weights.append(left)
        lower = p
    return Estimate(probabilities, weights, facts)


def backoff_estimate(counts: Counts, kept: Kept, numerators: Iterable[Floats], facts: dict[str, Any]) -> Estimate:
    """P(w | h) = numerator(h w) / c(h) if h w was seen, else alpha(h) P(w | h'), alpha(h) such that the sum is one.

    Unigrams that were never seen share what the seen ones give up evenly. A context that lists the whole vocabulary
    has nothing to back off to, so it gives nothing up; one that would give nothing up though there are words that it
    does not list has one occurrence added to c(h), as in SRILM.
    """
    probabilities: list[Floats] = []
    weights: list[Floats] = []
    lower = np.full(1, 1.0 / counts.vocabulary_size)
    for level, chosen, numerator in zip(counts.levels, kept, numerators, strict=True):
        listed = chosen & (level.count > 0)
        sizes, totals = np.diff(level.begins), sum_by_context(level, level.count)
        complete = sum_by_context(level, listed) == counts.vocabulary_size
        held = sum_by_context(level, numerator * listed)
        totals = np.where(complete, held, totals + (held >= totals * (1 - 1e-9)))
        shares = numerator / np.repeat(totals, sizes)
        weights.append(backoff_weights(level, shares, lower, listed, complete))
        lower = np.where(level.count > 0, shares, np.repeat(weights[-1], sizes) * lower[level.suffix])
        probabilities.append(lower)
    return Estimate(probabilities, weights, facts)


def backoff_weights(level: Level, probabilities: Floats, lower: Floats, listed: Bools, complete: Bools) -> Floats:
    """The back-off weight of each context: what its `listed` words leave of one, over what they leave below.

    `lower` are the probabilities one order below; `complete` contexts list every word and pass nothing on.
    """
    left = 1.0 - sum_by_context(level, probabilities * listed)
    below = 1.0 - sum_by_context(level, lower[level.suffix] * listed)
    return np.where(complete, 0.0, left / np.where(complete, 1.0, below))


@compiled
def _sum_rows(begins: IntArray, values: IntArray | Floats | Bools, out: Floats) -> None:
    for context in range(len(out)):
        total = 0.0
        for row in range(begins[context], begins[context + 1]):
            total += values[row]
        out[context] = total


@compiled
def _interpolate(
    begins: IntArray,
    suffix: IntArray,
    numerators: IntArray | Floats,
    denominators: Floats,
    kept: Bools,
    lower: Floats,
    out: Floats,
    left: Floats,
    first: Int,
    end: Int,
) -> None:
    """Write probabilities, and what the kept shares leave of one to each of the contexts from `first` to `end`."""
    for context in range(first, end):
        for row in range(begins[context], begins[context + 1]):
            out[row] = numerators[row] / denominators[context]
            if kept[row]:
                left[context] -= out[row]
        for row in range(begins[context], begins[context + 1]):
            out[row] += left[context] * lower[suffix[row]]
