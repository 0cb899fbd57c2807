"""The n-grams of each order, read off the positions of a text in their suffix order.

It knows that an n-gram holds `</s>` only as its first word (the boundary as context) or as its last (the end,
predicted). It does not know how positions are sorted, nor what counts are good for. Nothing here checks bounds.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import accumulate, pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import InvalidInput, TrainingFailed
from models.kernels.jit import compiled
from models.ngram.counting.counts import Counts, Level
from models.ngram.counting.suffix_array import SuffixArray, build_suffix_array, count_tokens, prefetch_at
from models.special_tokens import EOS
from models.utils.arrays import IntArray, Ranges


def count_ngrams(ids: IntArray, order: int, vocabulary_size: int, *, at_boundary: bool = True) -> Counts:
    """Count the n-grams of orders 1 to `order` in `ids` [T], lines each ending in `</s>`. Memory grows with T.

    `at_boundary` says that a line begins with them; else what comes before is not known. Uses as many threads as torch
    may. Raises TrainingFailed for no tokens at all, InvalidInput for ids outside the
    vocabulary.
    """
    if len(ids) == 0:
        raise TrainingFailed("the training text holds no tokens")
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise InvalidInput("ids", f"must be from 0 to {vocabulary_size - 1}")
    index = np.int32 if max(len(ids) * order, vocabulary_size) < 2**31 - 1 else np.int64
    text: IntArray = np.concatenate([[EOS] * at_boundary, ids], dtype=index, casting="unsafe")
    words: IntArray = np.zeros(vocabulary_size, index)
    count_tokens(text, words)
    cuts = _balanced_cuts(words, torch.get_num_threads())
    with ThreadPoolExecutor(len(cuts)) as pool:
        longer = extract_levels(
            text, vocabulary_size, order, build_suffix_array(text, words, order, cuts, pool), cuts, pool
        )
    words[EOS] -= at_boundary  # the boundary before the first line is a context and nobody's end
    return Counts([_unigram_level(words), *longer], vocabulary_size)


def _balanced_cuts(words: IntArray, threads: int) -> list[tuple[int, int]]:
    """The positions cut where the first word changes, into about equal shares; `words` [V] is how many each has."""
    ends = np.cumsum(words, dtype=np.int64)
    wanted = np.linspace(0, ends[-1], threads + 1)[1:-1]
    cuts = sorted({0, *ends[np.searchsorted(ends, wanted)].tolist(), int(ends[-1])})
    return list(pairwise(cuts))


def _unigram_level(words: IntArray) -> Level:
    ids = np.arange(len(words), dtype=words.dtype)
    return Level(np.array([0, len(words)], words.dtype), ids, np.zeros_like(ids), words)


class LevelBuffers(NamedTuple):
    """The levels of orders 2 to N one after the other, as the loops fill them."""

    token: IntArray
    suffix: IntArray
    counts: IntArray
    child_offsets: IntArray
    rows: IntArray
    """[T, N - 2] the row of the n-gram that begins at each position, for each order from 2 on but the highest."""
    level_offsets: NDArray[np.int64]
    """[N + 2] where each order begins in the first three."""
    context_offsets: NDArray[np.int64]
    """[N + 2] where it begins in `begins`, which has one more than there are contexts."""


def extract_levels(
    text: IntArray, vocabulary_size: int, order: int, arranged: SuffixArray, cuts: Ranges, pool: Executor
) -> list[Level]:
    """The levels of orders 2 to `order` of a `text` [T] over V words whose positions are sorted.

    `cuts` are worked on side by side, each step only when all have done the one before.
    """
    parts = [arranged.part(*cut) for cut in cuts]
    new = np.zeros((len(cuts), order + 2), np.int64)
    list(pool.map(count_new_ngrams, parts, new))
    arrays = _allocate(len(text), vocabulary_size, new.sum(0), text.dtype)
    starts = arrays.level_offsets + new.cumsum(0) - new
    for step in (fill_levels, link_suffixes):
        list(pool.map(step, repeat(text), parts, starts.copy(), repeat(arrays)))
    return [_level_view(arrays, n) for n in range(2, order + 1)]


def _allocate(length: int, vocabulary_size: int, new: NDArray[np.int64], kind: Any) -> LevelBuffers:
    """Room for `new[n]` n-grams of each order n."""
    order, sizes = len(new) - 2, new[2:-1].tolist()
    contexts = [size + 1 for size in (vocabulary_size, *sizes[:-1])][: order - 1]
    total = sum(sizes)
    return LevelBuffers(
        token=np.empty(total, kind),
        suffix=np.empty(total, kind),
        counts=np.zeros(total, kind),
        child_offsets=np.repeat(np.array(sizes, kind), contexts),  # where those without a successor end
        rows=np.empty((length, max(0, order - 2)), kind),
        level_offsets=np.array([0, 0, *accumulate(sizes, initial=0)]),
        context_offsets=np.array([0, 0, *accumulate(contexts, initial=0)]),
    )


def _level_view(arrays: LevelBuffers, n: int) -> Level:
    part = slice(arrays.level_offsets[n], arrays.level_offsets[n + 1])
    begins = arrays.child_offsets[arrays.context_offsets[n] : arrays.context_offsets[n + 1]]
    if n == 2:  # unseen words have no n-grams, and theirs begin where the next word's do
        begins = np.ascontiguousarray(np.minimum.accumulate(begins[::-1])[::-1])
    return Level(begins, arrays.token[part], arrays.suffix[part], arrays.counts[part])


@compiled
def count_new_ngrams(part: SuffixArray, new: NDArray[np.int64]) -> None:
    """Add up how many n-grams of each order are new."""
    for i in range(len(part.positions)):
        for n in range(part.lcp[i] + 1, part.lengths[i] + 1):
            new[n] += 1


@compiled
def fill_levels(text: IntArray, part: SuffixArray, at: NDArray[np.int64], arrays: LevelBuffers) -> None:
    """Write words, counts and where children begin; `at` [N + 2] is where the next n-gram of each order goes."""
    base, contexts, order = arrays.level_offsets, arrays.context_offsets, len(at) - 2
    for i in range(len(part.positions)):
        prefetch_at(text, part.positions, i)
        prefetch_at(arrays.rows, part.positions, i)
        p, length = part.positions[i], part.lengths[i]
        for n in range(part.lcp[i] + 1, length + 1):
            if n > 1:
                arrays.token[at[n]] = text[p + n - 1]
                at[n] += 1
            if n < order:
                row = at[n] - 1 - base[n] if n > 1 else np.int64(text[p])
                arrays.child_offsets[contexts[n + 1] + row] = at[n + 1] - base[n + 1]
        for n in range(2, length + 1):
            arrays.counts[at[n] - 1] += 1
            if n < order:
                arrays.rows[p, n - 2] = at[n] - 1 - base[n]


@compiled
def link_suffixes(text: IntArray, part: SuffixArray, at: NDArray[np.int64], arrays: LevelBuffers) -> None:
    """Write suffixes, when all rows are known; `at` as in `fill`."""
    for i in range(len(part.positions)):
        prefetch_at(text, part.positions, i)
        prefetch_at(arrays.rows, part.positions, i)
        p = part.positions[i]
        for n in range(max(2, part.lcp[i] + 1), part.lengths[i] + 1):
            arrays.suffix[at[n]] = arrays.rows[p + 1, n - 3] if n > 2 else text[p + 1]
            at[n] += 1
