"""Two sets of counts made one: as if the texts they come from had been counted together.

It walks both tries at once, level by level, from front to back; nothing is sorted or searched. It knows counts and who
gives it memory for more of them; it does not know files or text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.jit import Int, compiled
from models.ngram.counting.counts import Counts, Level
from models.utils.arrays import IntArray

Allocate: TypeAlias = Callable[[int, Any], NDArray[Any]]
"""Makes an array of so many numbers of a type, whatever they are."""


class MergeSide(NamedTuple):
    """One of the two tries, as far as it has been walked."""

    child_offsets: IntArray
    token: IntArray
    suffix: IntArray
    counts: IntArray
    own_row: IntArray
    """Of each context of both, its row here, or -1."""
    merged_suffix_row: IntArray
    """Of each row one order below, its row in both."""
    merged_row: IntArray
    """Of each row of this order, its row in both: to be written."""


def merge_counts(a: Counts, b: Counts, allocate: Allocate = np.empty) -> Counts:
    """The sum of two counts. Raises InvalidInput unless they are of one order and vocabulary size."""
    if (a.vocabulary_size, len(a.levels)) != (b.vocabulary_size, len(b.levels)):
        raise InvalidInput("counts", "must be of one order and one vocabulary to be added")
    tokens = int(a.levels[0].count.sum(dtype=np.int64) + b.levels[0].count.sum(dtype=np.int64))
    kind = np.int32 if max(tokens * len(a.levels), a.vocabulary_size) < 2**31 - 1 else np.int64
    levels: list[Level] = []
    own: list[IntArray] = [np.zeros(1, kind)] * 2
    shorter: list[IntArray] = [np.zeros(1, kind)] * 2
    for pair in zip(a.levels, b.levels, strict=True):
        both = [allocate(len(level), kind) for level in pair]
        left, right = (
            MergeSide(x.begins, x.token, x.suffix, x.count, *rest)
            for x, *rest in zip(pair, own, shorter, both, strict=True)
        )
        size = _merged_size(left, right)
        level = Level(allocate(len(own[0]) + 1, kind), *(allocate(size, kind) for _ in range(3)))
        own = [allocate(size, kind) for _ in pair]
        _merge_level(left, right, level.begins, level.token, level.suffix, level.count, own[0], own[1])
        shorter = both
        levels.append(level)
    return Counts(levels, a.vocabulary_size)


@compiled
def _merged_size(a: MergeSide, b: MergeSide) -> Int:
    """How many n-grams of this order both have together."""
    size: Int = np.int64(0)
    for context in range(len(a.own_row)):
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
    begins: IntArray,
    token: IntArray,
    suffix: IntArray,
    count: IntArray,
    own_a: IntArray,
    own_b: IntArray,
) -> None:
    """Write the level of both, and of each of its rows the one it has in either."""
    row: Int = np.int64(0)
    for context in range(len(a.own_row)):
        begins[context] = row
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
    begins[len(begins) - 1] = row


@compiled
def _child_range(side: MergeSide, context: Int) -> tuple[Int, Int]:
    """Where the n-grams of a context of both begin and end on one side."""
    own = np.int64(side.own_row[context])
    if own < 0:
        return np.int64(0), np.int64(0)
    return np.int64(side.child_offsets[own]), np.int64(side.child_offsets[own + 1])


@compiled
def _add_row(
    side: MergeSide, i: Int, row: Int, token: IntArray, suffix: IntArray, count: IntArray, own: IntArray
) -> None:
    token[row] = side.token[i]
    suffix[row] = side.merged_suffix_row[side.suffix[i]]
    count[row] += side.counts[i]
    own[row] = i
    side.merged_row[i] = row
