"""Estimate: the probabilities and back-off weights that a smoothing makes of counts.

`estimator.build_table` makes a table of it. Most smoothings end with `interpolated_estimate` or `backoff_estimate`,
which turn the shares of the seen words of each order into whole distributions, order by order from the unigrams up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from models.kernels.jit import compiled
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.parallel import context_ranges, parallel_imap
from models.utils.scratch import Scratch, gather

_PART_BYTES_PER_ROW = 80
"""Memory that work on a part takes for each of its rows: what it reads and writes, and arrays of its own."""
Kept: TypeAlias = Sequence[BoolArray]
"""Per order, unigrams first, which n-grams stay in the table: [rows] of each level."""


class LevelPart(NamedTuple):
    """Contexts of a level that follow each other, and their n-grams."""

    level: Level
    """Their arrays, child offsets counted from the first n-gram of the part."""
    contexts: slice
    rows: slice


Shares: TypeAlias = "Callable[[LevelPart], tuple[IntArray | Float64Array, Float64Array]]"
"""Function that returns the numerators [rows] of a part's shares and their denominators [contexts]."""
Numerators: TypeAlias = "Callable[[LevelPart], IntArray | Float64Array]"
"""Function that returns the numerators [rows] of a part's shares of what its contexts occurred."""
Below: TypeAlias = "Callable[[LevelPart], Float64Array]"
"""Function that returns the probabilities [rows], one order below, of a part's n-grams without their first word."""


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


def level_parts(level: Level) -> Iterator[LevelPart]:
    """Cut a level into parts of whole contexts, in order."""
    for begin, end in context_ranges(level.child_offsets):
        offsets = level.child_offsets[begin : end + 1]
        rows = slice(int(offsets[0]), int(offsets[-1]))
        own = Level(offsets - offsets[0], level.token[rows], level.suffix[rows], level.count[rows])
        yield LevelPart(own, slice(begin, end), rows)


def each_part(level: Level, work: Callable[[LevelPart], None], scratch: Scratch) -> None:
    """Call `work` with all parts of a level, on several threads; a budget has room for each."""

    def parts() -> Iterator[LevelPart]:
        for part in level_parts(level):
            # The rows of one context are never cut, and all unigrams have one.
            scratch.trim(_PART_BYTES_PER_ROW * (part.rows.stop - part.rows.start))
            yield part

    for _ in parallel_imap(work, parts()):
        scratch.trim()


def interpolated_estimate(
    counts: Counts, kept: Kept, shares: Iterable[Shares], details: dict[str, Any], scratch: Scratch
) -> Estimate:
    """Compute P(w | h) = share(h w) + weight(h) P(w | h'), with h' the context h without its first word.

    `shares` tell, order by order from 1, the numerators and denominators of the shares. The weight is what kept shares
    leave of one; order 0 is uniform.
    """
    probabilities: list[Float64Array] = []
    weights: list[Float64Array] = []
    lower = counts.uniform
    for level, level_kept, share in zip(counts.levels, kept, shares, strict=True):
        lower, level_weights = interpolate_level(level, level_kept, share, lower_values(level, lower, scratch), scratch)
        probabilities.append(lower)
        weights.append(level_weights)
    return Estimate(probabilities, weights, details)


def interpolate_level(
    level: Level, kept: BoolArray, share: Shares, below: Below, scratch: Scratch
) -> tuple[Float64Array, Float64Array]:
    """Compute probabilities [rows] and weights [contexts] of one order by `interpolated_estimate`."""
    p, weights = scratch.empty(len(level), np.float64), scratch.empty(_contexts(level), np.float64)

    def interpolate(part: LevelPart) -> None:
        numerators, denominators = share(part)
        weights[part.contexts] = 1.0
        _interpolate(
            part.level.child_offsets,
            numerators,
            denominators,
            kept[part.rows],
            below(part),
            p[part.rows],
            weights[part.contexts],
        )

    each_part(level, interpolate, scratch)
    return p, weights


def lower_values(level: Level, lower: Float64Array, scratch: Scratch) -> Below:
    """Return a function from a part of a level to the values of its n-grams' suffixes in `lower`."""
    if not scratch.is_limited:
        return lambda part: _take(lower, part.level.suffix)
    values = gather(lower, level.suffix, scratch)
    return lambda part: values[part.rows]


def _take(values: Float64Array, rows: IntArray) -> Float64Array:
    """Return `values[rows]`; of the suffixes of WikiText-2's 5-grams in 12 ms where NumPy takes 34."""
    taken = np.empty(len(rows))
    _copy_rows(values, rows, taken)
    return taken


def _contexts(level: Level) -> int:
    return len(level.child_offsets) - 1


def backoff_estimate(
    counts: Counts, kept: Kept, numerators: Iterable[Numerators], details: dict[str, Any], scratch: Scratch
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
        below = lower_values(level, lower, scratch)
        lower, level_weights = back_off_level(level, level_kept, numerator, below, counts.word_count, scratch)
        probabilities.append(lower)
        weights.append(level_weights)
    return Estimate(probabilities, weights, details)


def back_off_level(
    level: Level, kept: BoolArray, numerator: Numerators, below: Below, word_count: int, scratch: Scratch
) -> tuple[Float64Array, Float64Array]:
    """Compute probabilities [rows] and weights [contexts] of one order by `backoff_estimate`."""
    p, weights = scratch.empty(len(level), np.float64), scratch.empty(_contexts(level), np.float64)

    def back_off(part: LevelPart) -> None:
        own = part.level
        shares, own_weights = _back_off(own, kept[part.rows], numerator(part), below(part), word_count)
        p[part.rows], weights[part.contexts] = shares, own_weights

    each_part(level, back_off, scratch)
    return p, weights


def _back_off(
    level: Level, kept: BoolArray, numerator: IntArray | Float64Array, below: Float64Array, word_count: int
) -> tuple[Float64Array, Float64Array]:
    """Return the probabilities [rows] and the weights [contexts] of (a part of) a level."""
    listed = kept & (level.count > 0)
    sizes, totals = np.diff(level.child_offsets), sum_by_context(level, level.count)
    complete = sum_by_context(level, listed) == word_count
    amounts = np.where(np.repeat(complete, sizes), level.count, numerator) if complete.any() else numerator
    listed_mass = sum_by_context(level, amounts * listed)
    totals += ~complete & (listed_mass >= totals * (1 - 1e-9))
    shares = amounts / np.repeat(totals, sizes)
    weights = backoff_weights(level, shares, below, listed, complete)
    return np.where(level.count > 0, shares, np.repeat(weights, sizes) * below), weights


def backoff_weights(
    level: Level, probabilities: Float64Array, below: Float64Array, listed: BoolArray, complete: BoolArray
) -> Float64Array:
    """Return each context's back-off weight: what its words leave of one, over what they leave below.

    `listed` words [rows] count; `below` are their probabilities one order below; `complete` contexts pass nothing on.
    """
    left = 1.0 - sum_by_context(level, probabilities * listed)
    left_below = 1.0 - sum_by_context(level, below * listed)
    return np.where(complete, 0.0, left / np.where(complete, 1.0, left_below))


def is_every_word_seen(counts: Counts) -> bool:
    """Return whether each word of the vocabulary occurs, so that no unigram needs a discount."""
    return bool(np.count_nonzero(counts.levels[0].count) == counts.word_count)


@compiled
def _copy_rows(values: Float64Array, rows: IntArray, out: Float64Array) -> None:
    for i in range(len(rows)):
        out[i] = values[rows[i]]


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
    numerators: IntArray | Float64Array,
    denominators: Float64Array,
    kept: BoolArray,
    below: Float64Array,
    out: Float64Array,
    weights: Float64Array,
) -> None:
    """Write probabilities and weights of some contexts; `weights` begin as ones."""
    for context in range(len(weights)):
        for row in range(child_offsets[context], child_offsets[context + 1]):
            # Kneser-Ney finds nothing before any word where a closed vocabulary has left no bigram.
            out[row] = numerators[row] / denominators[context] if denominators[context] > 0 else 0.0
            if kept[row]:
                weights[context] -= out[row]
        for row in range(child_offsets[context], child_offsets[context + 1]):
            out[row] += weights[context] * below[row]
