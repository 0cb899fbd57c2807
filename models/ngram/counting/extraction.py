"""Extraction of the n-grams of all orders from the suffix array of a text: `count_ngrams`.

Neighbours in suffix order share their first words, so one walk over the positions sees each n-gram's occurrences
together. A first walk counts the n-grams of each order (`count_new_ngrams`), a second writes them (`fill_levels`), a
third links each to its suffix (`link_suffixes`), when all rows are known. Nothing here checks bounds.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import accumulate, pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput, TrainingFailed
from models.kernels.jit import compiled
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.counting.suffix_array import SuffixArray, build_suffix_array, count_unigrams, prefetch_at
from models.special_tokens import EOS
from models.threads import thread_count
from models.utils.arrays import IntArray, Ranges


class LevelBuffers(NamedTuple):
    """The levels of orders 2 to N one after the other, as the compiled walks fill them."""

    token: IntArray
    suffix: IntArray
    occurrences: IntArray
    child_offsets: IntArray
    rows: IntArray
    """[T, N - 2] the row of the n-gram that begins at each position, for each order from 2 on but the highest."""
    level_offsets: NDArray[np.int64]
    """[N + 2] where each order begins in `token`, `suffix` and `occurrences`."""
    context_offsets: NDArray[np.int64]
    """[N + 2] where each order begins in `child_offsets`, which has one more entry than there are contexts."""


def count_ngrams(ids: IntArray, order: int, vocabulary_size: int, *, at_boundary: bool = True) -> Counts:
    """Count the n-grams of orders 1 to `order` in `ids` [T], lines each ending in `</s>`.

    Memory grows with T. With `at_boundary` a line begins with the first id; else what comes before it is not known.
    Uses `thread_count()` threads. Raises TrainingFailed for no tokens, InvalidInput for ids outside the vocabulary.

    >>> counts = count_ngrams(np.array([2, 3, 2, 1]), order=2, vocabulary_size=4)
    >>> [level.count.tolist() for level in counts.levels]
    [[0, 1, 2, 1], [1, 1, 1, 1]]
    """
    if len(ids) == 0:
        raise TrainingFailed("the training text holds no tokens")
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise InvalidInput("ids", f"must be from 0 to {vocabulary_size - 1}")
    dtype = np.int32 if max(len(ids) * order, vocabulary_size) < 2**31 - 1 else np.int64
    text: IntArray = np.concatenate([[EOS] * at_boundary, ids], dtype=dtype, casting="unsafe")
    occurrences: IntArray = np.zeros(vocabulary_size, dtype)
    count_unigrams(text, occurrences)
    ranges = _balanced_ranges(occurrences, thread_count())
    with ThreadPoolExecutor(len(ranges)) as pool:
        suffixes = build_suffix_array(text, occurrences, order, ranges, pool)
        longer = extract_levels(text, vocabulary_size, order, suffixes, ranges, pool)
    occurrences[EOS] -= at_boundary  # the boundary before the first line is a context and the end of nothing
    return Counts([_unigram_level(occurrences), *longer], vocabulary_size)


def _balanced_ranges(occurrences: IntArray, threads: int) -> list[tuple[int, int]]:
    """Split the suffix array where the first word changes, by `occurrences` [V], in about equal ranges."""
    ends = np.cumsum(occurrences, dtype=np.int64)
    targets = np.linspace(0, ends[-1], threads + 1)[1:-1]
    cuts = sorted({0, *ends[np.searchsorted(ends, targets)].tolist(), int(ends[-1])})
    return list(pairwise(cuts))


def _unigram_level(occurrences: IntArray) -> Level:
    ids = np.arange(len(occurrences), dtype=occurrences.dtype)
    return Level(np.array([0, len(ids)], ids.dtype), ids, np.zeros_like(ids), occurrences)


def extract_levels(
    text: IntArray, vocabulary_size: int, order: int, suffixes: SuffixArray, ranges: Ranges, pool: Executor
) -> list[Level]:
    """Return the levels of orders 2 to `order` of a `text` [T] over V words.

    The `ranges` of the suffix array are walked side by side on `pool`, each walk after all have done the one before.
    """
    parts = [suffixes.part(*bounds) for bounds in ranges]
    new = np.zeros((len(ranges), order + 2), np.int64)
    list(pool.map(count_new_ngrams, parts, new))
    buffers = _allocate(len(text), vocabulary_size, new.sum(0), text.dtype)
    begins = buffers.level_offsets + new.cumsum(0) - new
    for walk in (fill_levels, link_suffixes):
        list(pool.map(walk, repeat(text), parts, begins.copy(), repeat(buffers)))
    return [_level_view(buffers, n) for n in range(2, order + 1)]


def _allocate(length: int, vocabulary_size: int, new: NDArray[np.int64], dtype: np.dtype[Any]) -> LevelBuffers:
    """Allocate buffers for `new[n]` n-grams of each order n in a text of `length` tokens."""
    order, sizes = len(new) - 2, new[2:-1].tolist()
    contexts = [size + 1 for size in (vocabulary_size, *sizes[:-1])][: order - 1]
    total = sum(sizes)
    return LevelBuffers(
        token=np.empty(total, dtype),
        suffix=np.empty(total, dtype),
        occurrences=np.zeros(total, dtype),
        child_offsets=np.repeat(np.array(sizes, dtype), contexts),  # where the children of contexts without any end
        rows=np.empty((length, max(0, order - 2)), dtype),
        level_offsets=np.array([0, 0, *accumulate(sizes, initial=0)]),
        context_offsets=np.array([0, 0, *accumulate(contexts, initial=0)]),
    )


def _level_view(buffers: LevelBuffers, n: int) -> Level:
    part = slice(buffers.level_offsets[n], buffers.level_offsets[n + 1])
    child_offsets = buffers.child_offsets[buffers.context_offsets[n] : buffers.context_offsets[n + 1]]
    if n == 2:  # the children of an unseen word begin where those of the next word do
        child_offsets = np.ascontiguousarray(np.minimum.accumulate(child_offsets[::-1])[::-1])
    return Level(child_offsets, buffers.token[part], buffers.suffix[part], buffers.occurrences[part])


@compiled
def count_new_ngrams(part: SuffixArray, new: NDArray[np.int64]) -> None:
    """Add the number of n-grams of each order that a range of the suffix array begins to `new` [N + 2]."""
    for i in range(len(part.positions)):
        for n in range(part.lcp[i] + 1, part.lengths[i] + 1):
            new[n] += 1


@compiled
def fill_levels(text: IntArray, part: SuffixArray, next_row: NDArray[np.int64], buffers: LevelBuffers) -> None:
    """Write words, counts and child offsets of the levels, each order from `next_row` [N + 2] on."""
    level_offsets, context_offsets, order = buffers.level_offsets, buffers.context_offsets, len(next_row) - 2
    for i in range(len(part.positions)):
        prefetch_at(text, part.positions, i)
        prefetch_at(buffers.rows, part.positions, i)
        position, length = part.positions[i], part.lengths[i]
        for n in range(part.lcp[i] + 1, length + 1):
            if n > 1:
                buffers.token[next_row[n]] = text[position + n - 1]
                next_row[n] += 1
            if n < order:
                row = next_row[n] - 1 - level_offsets[n] if n > 1 else np.int64(text[position])
                buffers.child_offsets[context_offsets[n + 1] + row] = next_row[n + 1] - level_offsets[n + 1]
        for n in range(2, length + 1):
            buffers.occurrences[next_row[n] - 1] += 1
            if n < order:
                buffers.rows[position, n - 2] = next_row[n] - 1 - level_offsets[n]


@compiled
def link_suffixes(text: IntArray, part: SuffixArray, next_row: NDArray[np.int64], buffers: LevelBuffers) -> None:
    """Write the suffix of each n-gram, when all rows are known; `next_row` as in `fill_levels`."""
    for i in range(len(part.positions)):
        prefetch_at(text, part.positions, i)
        prefetch_at(buffers.rows, part.positions, i)
        position = part.positions[i]
        for n in range(max(2, part.lcp[i] + 1), part.lengths[i] + 1):
            buffers.suffix[next_row[n]] = buffers.rows[position + 1, n - 3] if n > 2 else text[position + 1]
            next_row[n] += 1
