"""Rows of numbers that are read and written in large pieces, in any order: `RowFile`."""

from __future__ import annotations

import os
import weakref
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.utils.arrays import IntArray
from models.utils.scratch import Scratch


class RowFile:
    """Rows of `columns` whole numbers each: in a file of `scratch` within a budget, in memory without one.

    What many blocks hold side by side is read from here and not from a mapped file: at a page that is missing the
    system reads what lies around it too, up to megabytes, and blocks drive one another's pages out of a small cache.
    Five-grams of 200 million tokens within 1 GiB had so read 700 GB in 15 minutes (`benchmarks.scale.growth`).

    >>> rows = RowFile(2, np.dtype(np.int32), Scratch())
    >>> rows.append(np.array([[1, 2], [3, 4]], np.int32))
    >>> rows.read(1, 2).tolist(), len(rows)
    ([[3, 4]], 2)
    """

    def __init__(self, columns: int, dtype: np.dtype[Any], scratch: Scratch) -> None:
        self._shape, self._dtype, self._size = (columns,), dtype, 0
        self._file = TemporaryFile(dir=scratch.folder) if scratch.is_limited else BytesIO()  # noqa: SIM115 (no name)
        if scratch.is_limited and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no more than what is asked for

        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._size

    def append(self, rows: IntArray) -> None:
        """Write rows behind the last one."""
        self.write(self._size, rows)

    def write(self, begin: int, rows: IntArray) -> None:
        """Write rows from row `begin` on."""
        self._seek(begin)
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self._size = max(self._size, begin + len(rows))

    def read(self, begin: int, end: int) -> NDArray[Any]:
        """Return the rows from `begin` to `end`."""
        rows = np.empty((end - begin, *self._shape), self._dtype)
        self.read_into(begin, rows)
        return rows

    def read_into(self, begin: int, out: IntArray) -> None:
        """Fill `out` with rows from row `begin` on."""
        self._seek(begin)
        self._file.readinto(out.data)

    def _seek(self, row: int) -> None:
        self._file.seek(row * self._shape[0] * self._dtype.itemsize)
