"""Scratch memory for compiled calls, used again by the next call, and the addresses of arrays.

`WorkspacePool` saves asking the system for memory, whose pages it hands out one by one when they are touched: 15 of 497
microseconds of a decode step of 16 rows (LSTM of 2 layers of 256, 10,000 words, one thread).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import addressof, c_char
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64
"""Bytes that travel between memory and the processor's caches together."""
_MAX_KEPT_BYTES = 1 << 24
"""Larger blocks are given back to the system; smaller ones are kept for the next call."""


def address_of(array: NDArray[Any]) -> int:
    """Return the address of an array, which the caller keeps alive; four times faster than `ctypes.data`."""
    try:
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type] # numpy says so from Python 3.12 on
    except (TypeError, ValueError):  # an empty or a read-only array
        return array.ctypes.data


class WorkspacePool:
    """Memory blocks that calls borrow and give back; calls at the same time get blocks of their own."""

    def __init__(self) -> None:
        self._free: list[_Block] = []

    @contextmanager
    def borrow(self, sizes: Sequence[int]) -> Iterator[list[int]]:
        """Yield addresses of memory of these sizes in bytes, each on its own cache lines, in the `with` block."""
        ends = list(accumulate((size + -size % CACHE_LINE for size in sizes), initial=0))
        # `pop` is one step: of two threads that see the last free block, one makes a block of its own.
        block = self._free.pop() if self._free else _Block(0)
        if block.size < ends[-1]:
            block = _Block(ends[-1])
        try:
            yield [block.address + end for end in ends[:-1]]
        finally:
            if block.size <= _MAX_KEPT_BYTES:
                self._free.append(block)


class _Block:
    """Memory of `size` bytes, aligned to a cache line."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = np.empty(size + CACHE_LINE, np.uint8)
        begin = address_of(self._memory)
        self.address = begin + -begin % CACHE_LINE
