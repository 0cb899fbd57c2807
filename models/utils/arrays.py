"""Types of arrays, rows of different lengths, largest numbers of rows, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = "NDArray[np.integer[Any]]"
Int32Array: TypeAlias = "NDArray[np.int32]"
Int64Array: TypeAlias = "NDArray[np.int64]"
Float64Array: TypeAlias = "NDArray[np.float64]"
BoolArray: TypeAlias = "NDArray[np.bool_]"
ByteArray: TypeAlias = "NDArray[np.uint8]"
Offsets: TypeAlias = "NDArray[np.int64]"
"""Positions in an array of concatenated rows."""
Ranges: TypeAlias = Sequence[tuple[int, int]]
"""Begin and end of each range."""
unflagged = np.errstate(invalid="ignore")
"""Decorator of functions that multiply a float32 matrix by a vector whose size may be 5.

For that size OpenBLAS' kernel for AVX-512 (0.3.31, `sgemv_t`) also multiplies what it finds on the stack. The product
is right, but NumPy would warn of an invalid value now and then.
"""


def concat_rows(rows: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], Offsets]:
    """Concatenate `rows` to [T], and return with it the position after the end of each row [N]."""
    if len(rows) == 1:
        return rows[0], np.array([len(rows[0])])
    return np.concatenate([np.empty(0, np.int32), *rows]), np.cumsum([len(row) for row in rows], dtype=np.int64)


def are_offsets(offsets: IntArray, size: int) -> bool:
    """Whether `offsets` [N + 1] cut `size` rows into N ranges: 0 first, none below the one before.

    N is at least 0. Neighbours are compared: their difference overflows where a file has numbers at both ends of int64.
    """
    return bool(offsets[0] == 0 and offsets[-1] == size and (offsets[1:] >= offsets[:-1]).all())


def padded_indices(begins: Offsets, lengths: Offsets) -> tuple[Offsets, NDArray[np.bool_]]:
    """Return positions of concatenated rows as a padded rectangle [B, W], and which are no padding.

    W is the greatest length. Row i has `lengths[i]` elements from `begins[i]` on. Padding repeats the last element of
    its row; that of an empty row, whatever stands before it.
    """
    steps = np.arange(lengths.max(initial=0))
    return begins[:, None] + np.minimum(steps, lengths[:, None] - 1), steps < lengths[:, None]


def top_k(rows: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the `k` largest numbers of each row [B, V], largest first, ties in order, and positions."""
    k = min(k, rows.shape[1])
    if k and 2 * k < rows.shape[1]:
        positions = np.argpartition(-rows, k - 1, axis=1)[:, :k]
        positions.sort(axis=1)
        positions = np.take_along_axis(positions, _descending(np.take_along_axis(rows, positions, 1)), 1)
        # Of numbers equal to the last of the k, the partition takes any; those rows are sorted whole.
        tied = (rows >= np.take_along_axis(rows, positions[:, -1:], 1)).sum(1) > k
        positions[tied] = _descending(rows[tied])[:, :k]
    else:
        positions = _descending(rows)[:, :k]
    return np.take_along_axis(rows, positions, 1), positions


def _descending(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the positions [B, N] of the numbers of each row, largest first, equal ones in order."""
    return np.argsort(-rows, axis=1, kind="stable")


def log_softmax(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithms of probabilities in proportion to exp(rows) [B, N]; no row is all -inf."""
    shifted: NDArray[np.float32] = rows - rows.max(1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    return shifted


def log_sum_exp(terms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return log sum_k exp(terms[k]) of arrays of one shape, element by element; -inf where every term is."""
    largest = np.maximum.reduce(terms)
    shift = np.where(largest == -np.inf, np.float32(0), largest)
    total = sum(np.exp(term - shift) for term in terms[1:]) + np.exp(terms[0] - shift)
    with np.errstate(divide="ignore"):
        logarithm: NDArray[np.float32] = np.log(total) + shift
    return logarithm
