"""Memory that is used again by the next call: the system hands out new pages only when they are touched, one by one.

It knows sizes and addresses. It does not know what is written there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_KEPT = 1 << 24
"""Larger pieces, in bytes, are as rare as they are large, and are given back."""
_LINE = 64


class Room:
    """For calls one after the other, or at the same time: each has memory of its own."""

    def __init__(self) -> None:
        self._spare: list[NDArray[np.uint8]] = []

    @contextmanager
    def of(self, sizes: Sequence[int]) -> Iterator[list[int]]:
        """Addresses of so many bytes each, in lines of their own, while the block lasts."""
        ends = list(accumulate((size + -size % _LINE for size in sizes), initial=0))
        # One step, so that of two threads one is left without and makes a piece anew.
        piece = self._spare.pop() if self._spare else np.empty(0, np.uint8)
        if len(piece) < ends[-1] + _LINE:
            piece = np.empty(ends[-1] + _LINE, np.uint8)
        first = piece.ctypes.data + -piece.ctypes.data % _LINE
        try:
            yield [first + end for end in ends[:-1]]
        finally:
            if len(piece) <= _KEPT:
                self._spare.append(piece)
