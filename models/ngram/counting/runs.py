"""Merging of the counts of many blocks of a text, each level in one pass over all of them: `Runs`.

The n-grams of the blocks are sorted already, so each block is a run, and runs are merged from front to back
(`run_merging`). All is read and written in order, in large pieces; only the rows of one block are looked up in any
order, when its links are renumbered, and these fit in memory as the block itself did.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.counting.row_file import RowFile
from models.ngram.counting.run_heap import COUNT, PARENT, SUFFIX, TOKEN
from models.ngram.counting.run_merging import RunMerger
from models.utils.arrays import IntArray
from models.utils.parallel import context_ranges
from models.utils.scratch import PIECE_ROWS, Scratch


class Runs:
    """Counts of several blocks of a text of `tokens`, to be merged."""

    def __init__(self, order: int, vocabulary_size: int, tokens: int, scratch: Scratch) -> None:
        self._dtype = np.dtype(np.int32 if max(tokens, vocabulary_size) < 2**31 - 1 else np.int64)
        self.vocabulary_size, self._scratch = vocabulary_size, scratch
        self._unigrams = np.zeros(vocabulary_size, self._dtype)
        self._records = [RowFile(4, self._dtype, scratch) for _ in range(order - 1)]
        """Per order from 2, the n-grams of all blocks: the columns that `run_heap` names."""
        self._begins = [[0] for _ in range(order - 1)]

    def add(self, counts: Counts) -> None:
        """Add the counts of a block."""
        self._unigrams += counts.levels[0].count
        for level, records, begins in zip(counts.levels[1:], self._records, self._begins, strict=True):
            for begin, end in context_ranges(level.child_offsets):
                records.append(_records(level, begin, end, self._dtype))
                self._scratch.trim()
            begins.append(len(records))

    def merge(self) -> Counts:
        """Return the sum of all blocks, which are used up."""
        words = np.arange(self.vocabulary_size, dtype=self._dtype)
        offsets = np.array([0, self.vocabulary_size], self._dtype)
        levels = [Level(offsets, words, np.zeros_like(words), self._unigrams)]
        merged_rows, merged_begins = RowFile(1, self._dtype, self._scratch), [0]  # words are rows of the sum already
        for begins in self._begins:
            records = self._records.pop(0)
            if len(levels) > 1:
                self._renumber(records, begins, merged_rows, merged_begins)
            level, merged_rows = RunMerger(records, begins, self._dtype, self._scratch).merge(len(levels[-1]))
            levels.append(level)
            merged_begins = begins
        return Counts(levels, self.vocabulary_size)

    def _renumber(self, records: RowFile, begins: list[int], merged_rows: RowFile, merged_begins: list[int]) -> None:
        """Replace parents and suffixes, rows one order below of each block, by those of the sum."""
        for block, last in enumerate(begins[1:]):
            for first, window in self._windows(merged_rows, *merged_begins[block : block + 2]):
                for begin in range(begins[block], last, PIECE_ROWS):
                    piece = records.read(begin, min(begin + PIECE_ROWS, last))
                    renumber(piece, window[:, 0], first)
                    records.write(begin, piece)

    def _windows(self, rows: RowFile, begin: int, end: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield parts of the rows from `begin` to `end` that fit in memory, and where each begins among them."""
        most = self._scratch.room("arrays in memory") // 2 // self._dtype.itemsize
        for first in range(begin, end, most):
            yield first - begin, rows.read(first, min(first + most, end))


def _records(level: Level, begin: int, end: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the n-grams of the contexts from `begin` to `end`."""
    offsets = level.child_offsets[begin : end + 1]
    rows = slice(int(offsets[0]), int(offsets[-1]))
    records = np.empty((rows.stop - rows.start, 4), dtype)
    records[:, PARENT] = np.repeat(np.arange(begin, end), np.diff(offsets))
    records[:, TOKEN], records[:, SUFFIX], records[:, COUNT] = level.token[rows], level.suffix[rows], level.count[rows]
    return records


@compiled
def renumber(records: IntArray, merged_rows: IntArray, first: Int) -> None:
    """Replace links to rows from `first` on by complements of `merged_rows`; links to other rows stay."""
    for i in range(len(records)):
        for column in (PARENT, SUFFIX):
            row = records[i, column] - first
            if 0 <= row < len(merged_rows):
                records[i, column] = ~merged_rows[row]
