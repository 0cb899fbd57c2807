"""Rows of different lengths, one after the other in one array, and the rectangles that models read them in.

It knows lengths and places; it does not know what stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Offsets: TypeAlias = "NDArray[np.int64]"


def concat_rows(rows: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], Offsets]:
    """Rows of ids as one row [T], and where each of them ends in it [N]."""
    if len(rows) == 1:
        return rows[0], np.array([len(rows[0])])
    return np.concatenate([np.empty(0, np.int32), *rows]), np.cumsum([len(row) for row in rows], dtype=np.int64)


def padded_indices(begins: Offsets, lengths: Offsets) -> tuple[Offsets, NDArray[np.bool_]]:
    """Where the elements of some rows [B] stand, as [B, W] with W the greatest length, and which are elements at all.

    What is none repeats the last element of its row, or what stands before the row.
    """
    steps = np.arange(lengths.max(initial=0))
    return begins[:, None] + np.minimum(steps, lengths[:, None] - 1), steps < lengths[:, None]


IntArray: TypeAlias = "NDArray[np.integer[Any]]"


ByteArray: TypeAlias = "NDArray[np.uint8]"


Int64Array: TypeAlias = "NDArray[np.int64]"


Ranges: TypeAlias = Sequence[tuple[int, int]]
