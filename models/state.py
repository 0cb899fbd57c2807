"""The module `models.state`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

State: TypeAlias = "NDArray[Any] | tuple[State, ...]"
"""Arrays whose row i belongs to sequence i, nested in tuples at will. Never mutated: an advance makes a new one.

Not tensors: whatever is asked of one, torch gives the interpreter's lock away, and under load a batch has to wait for
it each time, longer than for what was asked."""


def select(state: State, rows: Sequence[int]) -> State:
    """Keep, reorder or duplicate rows: row i of the result is row `rows[i]`. Copies, so no batch is pinned.

    Rows are joined as bytes, as in `concat`: numpy would give the interpreter's lock away for the time of a copy, which
    is short, and might wait for it long.
    """
    if isinstance(state, tuple):
        return tuple(select(part, rows) for part in state)
    every = _row_bytes(state)
    parts = [every[row] for row in rows]
    return _from_bytes(parts, (len(parts), *state.shape[1:]), state.dtype)


def split(state: State) -> list[State]:
    """Each row as a state of its own. Copies, as `select` does."""
    if isinstance(state, tuple):
        return list(zip(*map(split, state), strict=True))
    return [_from_bytes([row], (1, *state.shape[1:]), state.dtype) for row in _row_bytes(state)]


def concat(states: Sequence[State]) -> State:
    """Stack the rows of several states of one model."""
    first = states[0]
    if isinstance(first, tuple):
        return tuple(concat([s[i] for s in states if isinstance(s, tuple)]) for i in range(len(first)))
    parts = [s for s in states if isinstance(s, np.ndarray)]
    return _from_bytes(map(_as_bytes, parts), (sum(map(len, parts)), *first.shape[1:]), first.dtype)


def _row_bytes(numbers: NDArray[Any]) -> list[memoryview]:
    """The bytes of each."""
    content, size = _as_bytes(numbers), numbers.itemsize * prod(numbers.shape[1:])
    return [content[size * row : size * (row + 1)] for row in range(len(numbers))]


def _as_bytes(numbers: NDArray[Any]) -> memoryview:
    return numbers.reshape(-1).view(np.uint8).data


def _from_bytes(parts: Iterable[memoryview], shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    return np.ndarray(shape, kind, bytearray().join(parts))


def row_count(state: State) -> int:
    """How many sequences a state holds."""
    return row_count(state[0]) if isinstance(state, tuple) else state.shape[0]
