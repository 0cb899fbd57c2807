"""Files: atomic and durable writing, and arrays kept on disk.

Arrays of `disk_allocator` and `concat_on_disk` lie in files without a name, which the system removes with the process
however that ends. Their pages are loaded when they are read, and freed again when memory runs short.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path`, or remove it after an error.

    Readers of `path` find the old file or the whole new one, even after a crash or a power cut.
    """
    # Unique among running threads; it ends as `path` does, since writers may choose a format by the suffix.
    temporary = path.with_name(f".{os.getpid()}-{threading.get_native_id()}-{path.name}")
    try:
        yield temporary
        rename_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or directory, and return when the rename is safe from a power cut.

    Its content is safe before the new name appears. A file `target` is replaced. Raises OSError where `target` is a
    directory with something in it.
    """
    fsync_path(source)
    source.replace(target)
    fsync_path(target.parent)


def fsync_path(path: Path) -> None:
    """Wait until a file's bytes, or a directory's list of names, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_allocator(folder: Path) -> Callable[[int, DTypeLike], NDArray[Any]]:
    """Return a function that makes an array of so many zeros of a dtype in a file of `folder`."""

    def allocate(size: int, dtype: DTypeLike) -> NDArray[Any]:
        if size == 0:
            return np.empty(0, dtype)
        with TemporaryFile(dir=folder) as file:
            return np.asarray(np.memmap(file, dtype, "w+", shape=(size,)))

    return allocate


def concat_on_disk(arrays: Iterable[NDArray[np.int32]], folder: Path) -> NDArray[np.int32]:
    """Concatenate `arrays` in a file of `folder`."""
    with TemporaryFile(dir=folder) as file:
        size = 0
        for array in arrays:
            file.write(array.tobytes())
            size += len(array)
        file.flush()
        return np.asarray(np.memmap(file, np.int32, "r+", shape=(size,))) if size else np.empty(0, np.int32)
