"""Sum of two sets of n-gram counts, as if their texts had been counted together: `merge_counts`.

Both tries are walked side by side, level by level, from front to back; nothing is sorted or searched. The arrays of
the result come from the caller's allocator, so that they can lie on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.jit import Int, compiled
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.utils.arrays import IntArray

Allocate: TypeAlias = Callable[[int, Any], NDArray[Any]]
"""Function that makes an array of a length and a dtype; its content may be anything."""


class MergeSide(NamedTuple):
    """A level of one of the two counts, and how its rows relate to those of the sum."""

    child_offsets: IntArray
    token: IntArray
    suffix: IntArray
    occurrences: IntArray
    own_context: IntArray
    """[contexts of the sum] the row of each context on this side, or -1."""
    merged_suffix: IntArray
    """[rows one order below] their rows in the sum."""
    merged_row: IntArray
    """[rows] their rows in the sum: written by `_merge_level`."""


def merge_counts(a: Counts, b: Counts, allocate: Allocate = np.empty) -> Counts:
    """Add two counts. Raises InvalidInput unless they are of one order and vocabulary size."""
    if (a.vocabulary_size, len(a.levels)) != (b.vocabulary_size, len(b.levels)):
        raise InvalidInput("counts", "must be of one order and one vocabulary to be added")
    tokens = int(a.levels[0].count.sum(dtype=np.int64) + b.levels[0].count.sum(dtype=np.int64))
    dtype = np.int32 if max(tokens * len(a.levels), a.vocabulary_size) < 2**31 - 1 else np.int64
    levels: list[Level] = []
    own_context: list[IntArray] = [np.zeros(1, dtype)] * 2
    merged_suffix: list[IntArray] = [np.zeros(1, dtype)] * 2
    for pair in zip(a.levels, b.levels, strict=True):
        merged_row = [allocate(len(level), dtype) for level in pair]
        left, right = (
            MergeSide(x.child_offsets, x.token, x.suffix, x.count, *links)
            for x, *links in zip(pair, own_context, merged_suffix, merged_row, strict=True)
        )
        size = int(_merged_size(left, right))
        level = Level(allocate(len(own_context[0]) + 1, dtype), *(allocate(size, dtype) for _ in range(3)))
        own_context = [allocate(size, dtype) for _ in pair]
        _merge_level(left, right, level.child_offsets, level.token, level.suffix, level.count, *own_context)
        merged_suffix = merged_row
        levels.append(level)
    return Counts(levels, a.vocabulary_size)


@compiled
def _merged_size(a: MergeSide, b: MergeSide) -> Int:
    """Return the number of n-grams of this order in the sum."""
    size: Int = np.int64(0)
    for context in range(len(a.own_context)):
        i, a_end = _child_range(a, context)
        j, b_end = _child_range(b, context)
        size += a_end - i + b_end - j
        while i < a_end and j < b_end:
            left, right = a.token[i], b.token[j]
            size -= left == right
            i, j = i + (left <= right), j + (right <= left)
    return size


@compiled
def _merge_level(
    a: MergeSide,
    b: MergeSide,
    child_offsets: IntArray,
    token: IntArray,
    suffix: IntArray,
    count: IntArray,
    own_a: IntArray,
    own_b: IntArray,
) -> None:
    """Write the level of the sum; `own_a` and `own_b` get each n-gram's row on either side, or -1."""
    row: Int = np.int64(0)
    for context in range(len(a.own_context)):
        child_offsets[context] = row
        i, a_end = _child_range(a, context)
        j, b_end = _child_range(b, context)
        while i < a_end or j < b_end:
            left = i < a_end and (j >= b_end or a.token[i] <= b.token[j])
            right = j < b_end and (i >= a_end or b.token[j] <= a.token[i])
            count[row], own_a[row], own_b[row] = 0, -1, -1
            if left:
                _add_row(a, i, row, token, suffix, count, own_a)
            if right:
                _add_row(b, j, row, token, suffix, count, own_b)
            i, j, row = i + left, j + right, row + 1
    child_offsets[len(child_offsets) - 1] = row


@compiled
def _child_range(side: MergeSide, context: Int) -> tuple[Int, Int]:
    """Return where the n-grams of a context of the sum begin and end on one side."""
    own = np.int64(side.own_context[context])
    if own < 0:
        return np.int64(0), np.int64(0)
    return np.int64(side.child_offsets[own]), np.int64(side.child_offsets[own + 1])


@compiled
def _add_row(
    side: MergeSide, i: Int, row: Int, token: IntArray, suffix: IntArray, count: IntArray, own: IntArray
) -> None:
    """Add row i of one side to `row` of the sum."""
    token[row] = side.token[i]
    suffix[row] = side.merged_suffix[side.suffix[i]]
    count[row] += side.occurrences[i]
    own[row] = i
    side.merged_row[i] = row
