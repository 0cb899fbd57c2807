"""Merging of sorted runs of n-grams of one order, which are read from a file in pieces: `RunMerger`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.row_file import RowFile
from models.ngram.counting.run_heap import (
    CONTEXTS,
    FIRST_ROW,
    HEAP_SIZE,
    PARENT,
    ROWS,
    TOKEN,
    RunBuffers,
    merge_buffered,
    replace_first,
)
from models.utils.scratch import GrowingArray, Scratch

_MOST_BUFFERED_RECORDS = 1 << 21
"""Records of all runs in memory, of 32 bytes with what is written of them: 64 MB. Of 54 runs 600 kB are read each."""
_NUMBERS_PER_RECORD = 8
"""Numbers in memory for each buffered record: four of its own, its row in the sum, and three columns of the sum."""


class RunMerger:
    """Merger of runs of records, which begin at `begins` [K + 1]."""

    def __init__(self, records: RowFile, begins: Sequence[int], dtype: np.dtype[Any], scratch: Scratch) -> None:
        self._records, self._begins, self._dtype, self._scratch = records, begins, dtype, scratch
        self._merged_rows = RowFile(1, dtype, scratch)
        self._next = list(begins[:-1])
        room = scratch.room("the blocks of this text") // 2 // (_NUMBERS_PER_RECORD * dtype.itemsize)
        runs = len(self._next)
        piece = max(1, min(room, _MOST_BUFFERED_RECORDS) // runs)
        places, ends, keys, heap = np.zeros((4, runs), np.int64)
        rows, state = np.empty((runs, piece), dtype), np.array([0, 0, 0, 0, -1])
        self._buffers = RunBuffers(np.empty((runs, piece, 4), dtype), rows, places, ends, keys, heap, state)
        self._output = np.empty((3, runs * piece + 1), dtype)

    def merge(self, contexts: int) -> tuple[Level, RowFile]:
        """Return the sum, of n-grams that begin with so many contexts, and the row in it of each record."""
        buffers, scratch = self._buffers, self._scratch
        child_offsets = scratch.empty(contexts + 1, self._dtype)
        columns = [scratch.growing(self._dtype) for _ in self._output]
        self._fill_heap()
        while buffers.state[HEAP_SIZE]:
            run = int(merge_buffered(buffers, self._output, child_offsets))
            self._save(run)
            self._load(run)
            replace_first(buffers, run)
            self._flush(columns, kept=1)  # the last n-gram may be the first of other runs as well
            scratch.trim()
        self._flush(columns, kept=0)
        begun = int(buffers.state[CONTEXTS])
        for part in scratch.slices(contexts + 1 - begun):
            child_offsets[begun + part.start : begun + part.stop] = buffers.state[FIRST_ROW]
        return Level(child_offsets, *(column.finish() for column in columns)), self._merged_rows

    def _fill_heap(self) -> None:
        """Read the first records of all runs, and put those on the heap: sorted keys are one."""
        for run in range(len(self._next)):
            self._load(run)
        buffers = self._buffers
        filled = np.flatnonzero(buffers.ends)
        parents, tokens = buffers.records[filled, 0].astype(np.int64)[:, [PARENT, TOKEN]].T
        keys = np.maximum(parents, ~parents) << 32 | tokens
        order = np.argsort(keys)
        buffers.state[HEAP_SIZE] = len(filled)
        buffers.keys[: len(filled)], buffers.runs[: len(filled)] = keys[order], filled[order]

    def _load(self, run: int) -> None:
        """Read the next records of a run, none at its end."""
        begin, buffers = self._next[run], self._buffers
        size = min(buffers.records.shape[1], self._begins[run + 1] - begin)
        self._records.read_into(begin, buffers.records[run, :size])
        buffers.places[run], buffers.ends[run] = 0, size
        self._next[run] = begin + size

    def _save(self, run: int) -> None:
        """Write the rows in the sum of the records of a run that are in memory."""
        size = int(self._buffers.ends[run])
        self._merged_rows.write(self._next[run] - size, self._buffers.merged_rows[run, :size])

    def _flush(self, columns: Sequence[GrowingArray], kept: int) -> None:
        """Write the n-grams of the sum that are in memory; the last one stays there if one is to be `kept`."""
        state, size = self._buffers.state, int(self._buffers.state[ROWS]) - kept
        if size <= 0:
            return
        for column, rows in zip(columns, self._output, strict=True):
            column.append(rows[:size].copy())  # the buffer is filled again
            rows[:kept] = rows[size : size + kept]
        state[FIRST_ROW] += size
        state[ROWS] = kept
