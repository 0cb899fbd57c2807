"""States of language models, and how their rows are selected, split and stacked.

Rows are copied as bytes: `bytearray.join` keeps the GIL, while NumPy releases it for the copy and has to wait to get it
back. Selecting 15 rows of two float32 arrays [16, 2, 256] takes 0.10 ms on average instead of 0.57 ms while another
thread runs Python code, and 14 instead of 8 us while none does (two CPU cores).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

State: TypeAlias = "NDArray[Any] | tuple[State, ...]"
"""Arrays whose row i belongs to sequence i, nested in tuples at will. Never mutated: `advance` makes a new state."""


def select(state: State, rows: Sequence[int]) -> State:
    """Copy `rows` of a state: row i of the result is row `rows[i]`, and keeps no whole batch alive."""
    if isinstance(state, tuple):
        return tuple(select(part, rows) for part in state)
    all_rows = _row_bytes(state)
    parts = [all_rows[row] for row in rows]
    return _from_bytes(parts, (len(parts), *state.shape[1:]), state.dtype)


def split(state: State) -> list[State]:
    """Return each row as a state of its own. Copies, as `select` does."""
    if isinstance(state, tuple):
        return list(zip(*map(split, state), strict=True))
    return [_from_bytes([row], (1, *state.shape[1:]), state.dtype) for row in _row_bytes(state)]


def concat(states: Sequence[State]) -> State:
    """Stack the rows of several states of one model."""
    first = states[0]
    if isinstance(first, tuple):
        return tuple(concat([state[i] for state in states if isinstance(state, tuple)]) for i in range(len(first)))
    arrays = [state for state in states if isinstance(state, np.ndarray)]
    return _from_bytes(map(_as_bytes, arrays), (sum(map(len, arrays)), *first.shape[1:]), first.dtype)


def row_count(state: State) -> int:
    """Return how many sequences a state holds."""
    return row_count(state[0]) if isinstance(state, tuple) else state.shape[0]


def _row_bytes(array: NDArray[np.generic]) -> list[memoryview]:
    """Return the bytes of each row."""
    content, size = _as_bytes(array), array.itemsize * prod(array.shape[1:])
    return [content[size * row : size * (row + 1)] for row in range(len(array))]


def _as_bytes(array: NDArray[np.generic]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _from_bytes(parts: Iterable[memoryview], shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[Any]:
    return np.ndarray(shape, dtype, bytearray().join(parts))
