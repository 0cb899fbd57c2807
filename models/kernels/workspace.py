"""Memory that is used again by the next call: the system hands out new pages only when they are touched, one by one.

It knows sizes and addresses. It does not know what is written there.

Where an array lies in memory, told to compiled functions that work on addresses, a dozen of them at each step.

It knows nothing of what is stored there; whoever passes an address on keeps the array alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import addressof, c_char
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray


def address_of(array: NDArray[Any]) -> int:
    """That of its first number: `array.ctypes.data` in a quarter of the time."""
    try:
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type] # numpy says so from Python 3.12 on
    except (TypeError, ValueError):  # such as of one that is empty, or must not be written
        return array.ctypes.data


_MAX_KEPT_BYTES = 1 << 24
"""Larger pieces, in bytes, are as rare as they are large, and are given back."""
CACHE_LINE = 64


class _Block:
    """Memory from the beginning of a line on."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = np.empty(size + CACHE_LINE, np.uint8)
        begin = address_of(self._memory)
        self.address = begin + -begin % CACHE_LINE


class WorkspacePool:
    """For calls one after the other, or at the same time: each has memory of its own."""

    def __init__(self) -> None:
        self._spare: list[_Block] = []

    @contextmanager
    def borrow(self, sizes: Sequence[int]) -> Iterator[list[int]]:
        """Addresses of so many bytes each, in lines of their own, while the block lasts."""
        ends = list(accumulate((size + -size % CACHE_LINE for size in sizes), initial=0))
        # One step, so that of two threads one is left without and makes a piece anew.
        piece = self._spare.pop() if self._spare else _Block(0)
        if piece.size < ends[-1]:
            piece = _Block(ends[-1])
        try:
            yield [piece.address + end for end in ends[:-1]]
        finally:
            if piece.size <= _MAX_KEPT_BYTES:
                self._spare.append(piece)
