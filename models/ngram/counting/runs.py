"""Merging of the counts of many blocks of a text, each level in one pass over all of them: `Runs`.

The levels of the blocks are sorted already, so each is a run, and runs are merged from front to back with a heap of
their next n-grams (Knuth, The Art of Computer Programming, volume 3, 5.4.1). All arrays are read and written in order;
only the rows of one block are looked up in any order, when its suffixes are renumbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.hashing import LOW_32_BITS
from models.kernels.jit import Int, compiled, inlined
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.utils.arrays import Int64Array, IntArray
from models.utils.scratch import PIECE_ROWS, GrowingArray, Scratch, gather


class RunLevel(NamedTuple):
    """The n-grams of one order of all blocks, block after block."""

    child_offsets: IntArray
    """Of each block, one more than it has contexts; they count from the block's first row."""
    token: IntArray
    suffix: IntArray
    occurrences: IntArray
    begins: Int64Array
    """[K + 1] where the rows of each block begin."""
    parents: IntArray
    """The row of each block's contexts in the sum, one order below; block k begins at `context_begins[k]`."""
    context_begins: Int64Array


class Cursors(NamedTuple):
    """Progress of the merging of a level."""

    rows: Int64Array
    """[K] next row of each block."""
    contexts: Int64Array
    """[K] context of that row, counted from the block's first."""
    keys: Int64Array
    """[K] heap of the next n-grams: context in the sum, and token."""
    blocks: Int64Array
    """[K] their blocks."""
    progress: Int64Array
    """[4] size of the heap, rows written, contexts begun, last key."""


class Runs:
    """Counts of several blocks of a text of `tokens`, to be merged, with their suffixes or without any."""

    def __init__(
        self, order: int, vocabulary_size: int, tokens: int, scratch: Scratch, *, with_suffixes: bool = True
    ) -> None:
        self._dtype = np.dtype(np.int32 if max(tokens, vocabulary_size) < 2**31 - 1 else np.int64)
        self.vocabulary_size, self._scratch, self._with_suffixes = vocabulary_size, scratch, with_suffixes
        self._unigrams = np.zeros(vocabulary_size, self._dtype)
        self._arrays = [[scratch.growing(self._dtype) for _ in range(4)] for _ in range(order - 1)]
        self._begins = [[0] for _ in range(order)]

    def add(self, counts: Counts) -> None:
        """Add the counts of a block."""
        self._unigrams += counts.levels[0].count
        self._begins[0].append(self._begins[0][-1] + self.vocabulary_size)
        for level, arrays, begins in zip(counts.levels[1:], self._arrays, self._begins[1:], strict=True):
            columns = level.child_offsets, level.token, level.suffix, level.count
            for array, column in zip(arrays, columns, strict=True):
                array.append(column)
            begins.append(begins[-1] + len(level))
        self._scratch.trim()

    def merge(self) -> Counts:
        """Return the sum of all blocks, which are used up."""
        words = np.arange(self.vocabulary_size, dtype=self._dtype)
        offsets = np.array([0, self.vocabulary_size], self._dtype)
        levels = [Level(offsets, words, np.zeros_like(words), self._unigrams)]
        blocks = len(self._begins[0]) - 1
        merged_rows = self._scratch.empty(blocks * len(words), self._dtype)
        for k in range(blocks):
            merged_rows[k * len(words) : (k + 1) * len(words)] = words
        for n in range(2, len(self._begins) + 1):
            arrays, begins = self._arrays.pop(0), [np.array(b) for b in self._begins[n - 2 : n]]
            level = _run_level(arrays, begins[1], merged_rows, begins[0])
            if n > 2 and self._with_suffixes:
                self._renumber_suffixes(level)
            merged, merged_rows = self._merge_level(level, len(levels[-1]))
            levels.append(merged)
        return Counts(levels, self.vocabulary_size)

    def _renumber_suffixes(self, level: RunLevel) -> None:
        """Replace rows one order below, of each block, by those of the sum."""
        for k in range(len(level.begins) - 1):
            suffixes = level.suffix[level.begins[k] : level.begins[k + 1]]
            merged = level.parents[level.context_begins[k] : level.context_begins[k + 1]]
            renumbered = gather(merged, suffixes, self._scratch)
            for part in self._scratch.slices(len(suffixes)):
                suffixes[part] = renumbered[part]

    def _merge_level(self, runs: RunLevel, contexts: int) -> tuple[Level, IntArray]:
        """Return a level of the sum of so many contexts, and the row in it of each n-gram of the blocks."""
        scratch = self._scratch
        child_offsets = scratch.empty(contexts + 1, self._dtype)
        merged_rows = scratch.empty(len(runs.token), self._dtype)
        columns: list[GrowingArray] = [scratch.growing(self._dtype) for _ in range(3)]
        buffers: list[NDArray[Any]] = [np.empty(PIECE_ROWS, self._dtype) for _ in columns]
        cursors = _cursors(len(runs.begins) - 1)
        begin_merge(runs, cursors)
        while size := int(merge_piece(runs, cursors, buffers[0], buffers[1], buffers[2], merged_rows, child_offsets)):
            for column, buffer in zip(columns, buffers, strict=True):
                column.append(buffer[:size].copy())  # the buffer is filled again
            scratch.trim()
        rows, begun = cursors.progress[1:3].tolist()
        for part in scratch.slices(contexts + 1 - begun):
            child_offsets[begun + part.start : begun + part.stop] = rows
        return Level(child_offsets, *(column.finish() for column in columns)), merged_rows


def _cursors(blocks: int) -> Cursors:
    rows, contexts, keys, numbers = np.zeros((4, blocks), np.int64)
    return Cursors(rows, contexts, keys, numbers, np.array([0, 0, 0, -1]))


def _run_level(
    arrays: Sequence[GrowingArray], begins: Int64Array, parents: IntArray, context_begins: Int64Array
) -> RunLevel:
    child_offsets, token, suffix, occurrences = (array.finish() for array in arrays)
    return RunLevel(child_offsets, token, suffix, occurrences, begins, parents, context_begins)


@compiled
def begin_merge(runs: RunLevel, cursors: Cursors) -> None:
    """Put the first n-gram of each block that has any on the heap."""
    for block in range(len(cursors.rows)):
        cursors.rows[block] = runs.begins[block]
        cursors.contexts[block] = 0
        if runs.begins[block] < runs.begins[block + 1]:
            place = cursors.progress[0]
            cursors.progress[0] += 1
            key = next_key(runs, cursors, np.int64(block))
            while place > 0 and cursors.keys[(place - 1) >> 1] > key:
                cursors.keys[place], cursors.blocks[place] = (
                    cursors.keys[(place - 1) >> 1],
                    cursors.blocks[(place - 1) >> 1],
                )
                place = (place - 1) >> 1
            cursors.keys[place], cursors.blocks[place] = key, block


@inlined
def next_key(runs: RunLevel, cursors: Cursors, block: Int) -> Int:
    """Return the key of the next n-gram of a block, having found its context."""
    row, offsets = cursors.rows[block] - runs.begins[block], runs.context_begins[block] + block
    context = cursors.contexts[block]
    while runs.child_offsets[offsets + context + 1] <= row:
        context += 1
    cursors.contexts[block] = context
    parent = np.int64(runs.parents[runs.context_begins[block] + context])
    return parent << 32 | np.int64(runs.token[cursors.rows[block]])


@inlined
def sift_down(cursors: Cursors, key: Int, block: Int) -> None:
    """Replace the first n-gram of the heap by another one."""
    size = cursors.progress[0]
    place: Int = np.int64(0)
    child: Int = np.int64(1)
    while child < size:
        if child + 1 < size and cursors.keys[child + 1] < cursors.keys[child]:
            child += 1
        if cursors.keys[child] >= key:
            break
        cursors.keys[place], cursors.blocks[place] = cursors.keys[child], cursors.blocks[child]
        place = child
        child = 2 * place + 1
    cursors.keys[place], cursors.blocks[place] = key, block


@compiled
def merge_piece(
    runs: RunLevel,
    cursors: Cursors,
    token: IntArray,
    suffix: IntArray,
    count: IntArray,
    merged_rows: IntArray,
    child_offsets: IntArray,
) -> Int:
    """Write the next n-grams of the sum to `token`, `suffix` and `count`; return how many."""
    progress = cursors.progress
    size: Int = np.int64(0)
    begin = progress[1]
    while progress[0] > 0:
        key, block = cursors.keys[0], cursors.blocks[0]
        row = cursors.rows[block]
        if key != progress[3]:
            if size == len(token):
                break
            progress[3] = key
            while progress[2] <= key >> 32:
                child_offsets[progress[2]] = begin + size
                progress[2] += 1
            token[size], suffix[size], count[size] = key & LOW_32_BITS, runs.suffix[row], 0
            size += 1
        count[size - 1] += runs.occurrences[row]
        merged_rows[row] = begin + size - 1
        cursors.rows[block] = row + 1
        if row + 1 < runs.begins[block + 1]:
            sift_down(cursors, next_key(runs, cursors, block), block)
        else:
            progress[0] -= 1
            if progress[0] > 0:
                last = progress[0]
                sift_down(cursors, cursors.keys[last], cursors.blocks[last])
    progress[1] = begin + size
    return size
