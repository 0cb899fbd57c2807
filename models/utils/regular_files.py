"""Reading of regular files alone, wherever a path comes from outside.

To open a pipe would wait for a writer, and a device may have no end: both are refused before a byte is read.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
"""What a path may lead to beside a regular file, and its name."""


def check_regular(path: Path) -> None:
    """Raise OSError unless a path leads to a regular file; nothing is opened."""
    _check_mode(path.stat().st_mode, path)


def open_regular(path: Path, buffer_bytes: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Open a regular file to read it. Raises OSError for anything else."""
    check_regular(path)
    # It may be another by now, so the open file is looked at again; a pipe opened so waits for nobody.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    file: io.BufferedReader = io.BufferedReader(io.FileIO(descriptor), buffer_bytes)
    try:
        _check_mode(os.fstat(descriptor).st_mode, path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return what a regular file holds. Raises OSError for anything else, and for more than `max_bytes`."""
    with open_regular(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"larger than {max_bytes} bytes", str(path))
    return data


def _check_mode(mode: int, path: Path) -> None:
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))
