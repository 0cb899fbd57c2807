"""Scratch: room for arrays that are larger than the memory a computation may take.

Its arrays lie in files without a name, mapped into memory. What was read or written of them counts as memory of the
process until it is let go (`trim`), which costs nothing but finding the pages again: they stay in the system's cache
of files as long as nobody else needs it. Whoever works through such arrays does it in pieces, and trims after each.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from models.errors import InvalidInput
from models.utils.arrays import IntArray
from models.utils.process_memory import resident_bytes, return_freed_memory

PIECE_ROWS = 1 << 18
"""Rows that are worked on between two looks at the memory, a few megabytes; a multiple of a trie's blocks of 16."""
_RESERVE_BYTES = 48 << 20
"""Bytes of the budget that are left for what pieces take."""
_MIN_ROOM_BYTES = 16 << 20
"""Least room for arrays in memory with which work is begun."""


class Scratch:
    """Allocator of arrays within `memory` bytes of the process, the rest in files of `folder`.

    >>> scratch = Scratch()
    >>> scratch.zeros(3, np.int64).tolist(), scratch.is_limited
    ([0, 0, 0], False)
    """

    def __init__(self, memory: int | None = None, folder: Path | None = None) -> None:
        self.memory = memory
        self.folder = folder
        self._maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
        self._lock = Lock()

    @property
    def is_limited(self) -> bool:
        """Whether arrays lie in files."""
        return self.memory is not None

    def empty(self, size: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of any content."""
        return np.empty(size, dtype) if self.memory is None else self._map(size, np.dtype(dtype))

    def zeros(self, size: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros."""
        return np.zeros(size, dtype) if self.memory is None else self._map(size, np.dtype(dtype))

    def growing(self, dtype: DTypeLike) -> GrowingArray:
        """Return an array to which others are appended."""
        return GrowingArray(self, np.dtype(dtype))

    def slices(self, size: int, rows: int = PIECE_ROWS) -> Iterator[slice]:
        """Cut `size` rows into pieces, and trim after each."""
        for begin in range(0, size, rows):
            yield slice(begin, min(begin + rows, size))
            self.trim()

    def trim(self, needed: int = 0) -> None:
        """Let go of what was touched of arrays in files, if the budget lacks room for `needed` bytes."""
        if self.memory is None:
            return
        if resident_bytes(unknown=self.memory) > self.memory - max(needed, _RESERVE_BYTES):
            self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            maps = list(self._maps)
        for mapped in maps:
            let_go(mapped)

    def room(self, purpose: str) -> int:
        """Return how many bytes of the budget are left for arrays in memory.

        Raises InvalidInput, naming `purpose` and the least budget, where that is too little to go on.
        """
        return self.require(_MIN_ROOM_BYTES, purpose)

    def require(self, size: int, purpose: str) -> int:
        """Return the room that is left. Raises InvalidInput unless `size` bytes fit in memory."""
        if self.memory is None:
            return 1 << 62
        self._let_go()
        return_freed_memory()
        taken = resident_bytes(unknown=0) + _RESERVE_BYTES
        if self.memory - taken < size:
            least = -(-(taken + size) >> 20)
            raise InvalidInput("memory", f"must be {least + least // 20} MiB or more for {purpose}, or left out")
        return self.memory - taken

    def _map(self, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        with TemporaryFile(dir=self.folder) as file:
            file.truncate(size * dtype.itemsize)
            return self.map_file(file, dtype)

    def watch(self, array: NDArray[Any]) -> None:
        """Let `trim` let go of the mapped file in which `array` lies, which nobody changes, as well."""
        base = _mapping_of(array)
        if self.is_limited and isinstance(base, mmap.mmap):
            with self._lock:
                self._maps.add(base)

    def map_file(self, file: IO[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the content of a file as an array; what is written to it is written to the file."""
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return np.empty(0, dtype)
        mapped = ScratchMap(file.fileno(), size)
        with self._lock:
            self._maps.add(mapped)
        return np.frombuffer(mapped, dtype)


class GrowingArray:
    """Array of unknown length: in a file within a budget, in memory without one."""

    def __init__(self, scratch: Scratch, dtype: np.dtype[Any]) -> None:
        self._scratch, self._dtype = scratch, dtype
        self._file = TemporaryFile(dir=scratch.folder) if scratch.is_limited else None  # noqa: SIM115 (until `finish`)
        self._arrays: list[NDArray[Any]] = []
        self.size = 0

    def append(self, array: NDArray[Any]) -> None:
        """Append numbers, converted to the dtype."""
        self.size += len(array)
        if self._file is None:
            self._arrays.append(array.astype(self._dtype, copy=False))
            return
        for begin in range(0, len(array), PIECE_ROWS):
            self._file.write(np.ascontiguousarray(array[begin : begin + PIECE_ROWS], self._dtype).data)

    def finish(self) -> NDArray[Any]:
        """Return the whole array; nothing can be appended afterwards."""
        if self._file is None:
            return np.concatenate([np.empty(0, self._dtype), *self._arrays])
        with self._file as file:
            file.flush()
            return self._scratch.map_file(file, self._dtype)


class ScratchMap(mmap.mmap):
    """A mapped file of a `Scratch`: what is written to it is safe in the file."""


def let_go(mapped: mmap.mmap) -> None:
    """Unmap the pages of a file that are in memory; the next access finds them again."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def let_go_of(array: NDArray[Any], *, unchanged: bool = False) -> None:
    """Unmap the pages of the scratch file in which `array` lies; nothing where it lies in none.

    `unchanged`: those of any file, of whose private mapping (`map_tensors`) changes would be lost.
    """
    base = _mapping_of(array)
    if isinstance(base, ScratchMap if not unchanged else mmap.mmap):
        let_go(base)


def _mapping_of(array: NDArray[Any]) -> object:
    """Return what the memory of `array` belongs to: a mapped file, or something else."""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base


def gather(source: NDArray[Any], rows: IntArray, scratch: Scratch) -> NDArray[Any]:
    """Return `source[rows]`; within a budget by windows of `source` that fit, each read in order."""
    if not scratch.is_limited:
        return source[rows]
    out = scratch.empty(len(rows), source.dtype)
    for first, window in windows(source, scratch):
        for part in scratch.slices(len(rows)):
            local = rows[part] - first
            if len(window) == len(source):
                out[part] = window[local]
            else:
                inside = (local >= 0) & (local < len(window))
                out[part][inside] = window[local[inside]]
    return out


def windows(source: NDArray[Any], scratch: Scratch) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield copies in memory of consecutive parts of `source`, and where each begins."""
    if not len(source):
        return
    most = scratch.room("arrays in memory") // 2
    count = -(-source.nbytes // most)
    size = -(-len(source) // count)
    for first in range(0, len(source), size):
        window = np.empty(min(size, len(source) - first), source.dtype)
        for part in scratch.slices(len(window)):
            window[part] = source[first + part.start : first + part.stop]
        yield first, window
