"""Types of arrays, and rows of different lengths: concatenated, or as the index of a padded rectangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = "NDArray[np.integer[Any]]"
Int64Array: TypeAlias = "NDArray[np.int64]"
ByteArray: TypeAlias = "NDArray[np.uint8]"
Offsets: TypeAlias = "NDArray[np.int64]"
"""Positions in an array of concatenated rows."""
Ranges: TypeAlias = Sequence[tuple[int, int]]
"""Begin and end of each range."""


def concat_rows(rows: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], Offsets]:
    """Concatenate `rows` to [T], and return with it the position after the end of each row [N]."""
    if len(rows) == 1:
        return rows[0], np.array([len(rows[0])])
    return np.concatenate([np.empty(0, np.int32), *rows]), np.cumsum([len(row) for row in rows], dtype=np.int64)


def padded_indices(begins: Offsets, lengths: Offsets) -> tuple[Offsets, NDArray[np.bool_]]:
    """Return positions of concatenated rows as a padded rectangle [B, W], and which are no padding.

    W is the greatest length. Row i has `lengths[i]` elements from `begins[i]` on. Padding repeats the last element of
    its row; that of an empty row, whatever stands before it.
    """
    steps = np.arange(lengths.max(initial=0))
    return begins[:, None] + np.minimum(steps, lengths[:, None] - 1), steps < lengths[:, None]
