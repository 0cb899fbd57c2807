"""Compiled loops that merge sorted runs of n-grams of one order, with a heap of their next n-grams.

Knuth, The Art of Computer Programming, volume 3, 5.4.1. The next records of each run lie in memory (`RunBuffers`);
`merge_buffered` ends when those of one run are used up, and its next ones must be read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.kernels.hashing import LOW_32_BITS
from models.kernels.jit import Int, compiled, inlined
from models.utils.arrays import Int64Array, IntArray

PARENT, TOKEN, SUFFIX, COUNT = range(4)
"""Columns of a record. Parent and suffix are rows one order below, in a block; once renumbered, complements of rows in
the sum, which are negative."""
HEAP_SIZE, FIRST_ROW, ROWS, CONTEXTS, LAST_KEY = range(5)
"""Numbers of a state: runs in the heap; first row of the output, and rows there; contexts begun; last key."""


class RunBuffers(NamedTuple):
    """Next records of K runs in memory, and the heap of their first ones."""

    records: IntArray
    """[K, P, 4]."""
    merged_rows: IntArray
    """[K, P] rows of those records in the sum."""
    places: Int64Array
    """[K] next record of each run."""
    ends: Int64Array
    """[K] number of records of each run."""
    keys: Int64Array
    """[K] heap of the next n-grams: parent in the sum, and token."""
    runs: Int64Array
    """[K] their runs."""
    state: Int64Array
    """[5] the numbers that HEAP_SIZE to LAST_KEY name."""


@inlined
def key_of(records: IntArray, run: Int, place: Int) -> Int:
    """Return the key of a record, whose parent may be a complement."""
    parent = np.int64(records[run, place, PARENT])
    return max(parent, ~parent) << 32 | np.int64(records[run, place, TOKEN])


@inlined
def sift_down(buffers: RunBuffers, key: Int, run: Int) -> None:
    """Replace the first n-gram of the heap by another one."""
    size = buffers.state[HEAP_SIZE]
    place: Int = np.int64(0)
    child: Int = np.int64(1)
    while child < size:
        if child + 1 < size and buffers.keys[child + 1] < buffers.keys[child]:
            child += 1
        if buffers.keys[child] >= key:
            break
        buffers.keys[place], buffers.runs[place] = buffers.keys[child], buffers.runs[child]
        place = child
        child = 2 * place + 1
    buffers.keys[place], buffers.runs[place] = key, run


@compiled
def replace_first(buffers: RunBuffers, run: Int) -> None:
    """Replace the first n-gram of the heap by the next of its run; at the end of the run, leave it out."""
    if buffers.ends[run]:
        sift_down(buffers, key_of(buffers.records, run, np.int64(0)), run)
    else:
        buffers.state[HEAP_SIZE] -= 1
        last = buffers.state[HEAP_SIZE]
        sift_down(buffers, buffers.keys[last], buffers.runs[last])


@compiled
def merge_buffered(buffers: RunBuffers, output: IntArray, child_offsets: IntArray) -> Int:
    """Write the next n-grams of the sum until the records of a run are used up; return that run.

    `output` [3, rows] gets their tokens, suffixes and counts.
    """
    records, state = buffers.records, buffers.state
    begin, size = state[FIRST_ROW], state[ROWS]
    while True:
        key, run = buffers.keys[0], buffers.runs[0]
        place = buffers.places[run]
        if key != state[LAST_KEY]:
            state[LAST_KEY] = key
            while state[CONTEXTS] <= key >> 32:
                child_offsets[state[CONTEXTS]] = begin + size
                state[CONTEXTS] += 1
            suffix = records[run, place, SUFFIX]
            output[0, size], output[1, size], output[2, size] = key & LOW_32_BITS, max(suffix, ~suffix), 0
            size += 1
        output[2, size - 1] += records[run, place, COUNT]
        buffers.merged_rows[run, place] = begin + size - 1
        buffers.places[run] = place + 1
        if place + 1 == buffers.ends[run]:
            break
        sift_down(buffers, key_of(records, run, place + 1), run)
    state[ROWS] = size
    return np.int64(run)
