"""Checks of counts that come from files, before compiled loops rely on them.

Files may be larger than the memory: they are read in pieces, whose pages are let go of.
"""

from __future__ import annotations

import numpy as np

from models.kernels.jit import compiled
from models.utils.arrays import IntArray
from models.utils.parallel import context_ranges
from models.utils.scratch import PIECE_ROWS, let_go_of


def are_whole(array: IntArray) -> bool:
    """Whether an array has one axis and holds whole numbers of 32 or 64 bits."""
    return array.ndim == 1 and array.dtype in (np.int32, np.int64)


def is_least(array: IntArray, least: int) -> bool:
    """Whether no number is below `least`."""
    for begin in range(0, len(array), PIECE_ROWS):
        if array[begin : begin + PIECE_ROWS].min() < least:
            return False
        let_go_of(array, unchanged=True)
    return True


def are_cuts(offsets: IntArray, size: int) -> bool:
    """Whether `offsets` cut `size` rows into ranges, as `are_offsets` tells."""
    if offsets[0] != 0 or offsets[-1] != size:
        return False
    for begin in range(0, len(offsets), PIECE_ROWS):
        piece = offsets[begin : begin + PIECE_ROWS + 1]
        if (piece[1:] < piece[:-1]).any():
            return False
        let_go_of(offsets, unchanged=True)
    return True


def are_all_rising(child_offsets: IntArray, token: IntArray, vocabulary_size: int) -> bool:
    """Whether the last words of each context ascend strictly and belong to the vocabulary."""
    for begin, end in context_ranges(child_offsets):
        if not are_rising(child_offsets[begin : end + 1], token, vocabulary_size):
            return False
        let_go_of(token, unchanged=True)
    return True


@compiled
def are_rising(child_offsets: IntArray, token: IntArray, vocabulary_size: int) -> bool:
    """Return what `are_all_rising` does, for contexts whose child offsets are sound."""
    for context in range(len(child_offsets) - 1):
        before = -1
        for row in range(child_offsets[context], child_offsets[context + 1]):
            if token[row] <= before or token[row] >= vocabulary_size:
                return False
            before = token[row]
    return True
