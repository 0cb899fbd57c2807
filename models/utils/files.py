"""Arrays on disk that have no name: the system takes their files away with the process, however that ends.

Their pages are read when they are looked at, and the system may take them back from memory when it needs it. It knows
folders and types; it does not know what is kept.

Making sure that what was written is on the disk, so that a power cut cannot take it back.

It knows files and directories; it does not know what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray


def disk_allocator(folder: Path) -> Callable[[int, Any], NDArray[Any]]:
    """What makes arrays of so many numbers of a type in files of `folder`, of zeros."""

    def allocate(size: int, kind: Any) -> NDArray[Any]:
        if size == 0:
            return np.empty(0, kind)
        with TemporaryFile(dir=folder) as file:
            return np.asarray(np.memmap(file, kind, "w+", shape=(size,)))

    return allocate


def concat_on_disk(pieces: Iterable[NDArray[np.int32]], folder: Path) -> NDArray[np.int32]:
    """The pieces one after the other, in a file of `folder`."""
    with TemporaryFile(dir=folder) as file:
        size = 0
        for piece in pieces:
            file.write(piece.tobytes())
            size += len(piece)
        file.flush()
        return np.asarray(np.memmap(file, np.int32, "r+", shape=(size,))) if size else np.empty(0, np.int32)


def fsync_path(path: Path) -> None:
    """Wait until a file's bytes, or a directory's list of names, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
