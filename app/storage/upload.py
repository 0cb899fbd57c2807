"""Bytes on their way in: streamed to disk, counted, hashed and checked to be text as they come.

Knows one file in the making. It does not know where it will be kept, or who sends it.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from app.core.exceptions import DiskFull, FileTooLarge
from models.errors import InvalidText

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Upload:
    """Bytes on their way in: written, hashed, counted and checked as they come. Removed at the end unless kept."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file: IO[bytes] = path.open("xb")
        self._digest = hashlib.sha256()
        self._text = _Utf8()

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises FileTooLarge, DiskFull, or InvalidText with the offset of the first bad byte."""
        if self._text.seen + len(data) > self._max_bytes:
            raise FileTooLarge(f"the file has more than the {self._max_bytes} bytes allowed")
        self._text.feed(data)
        self._digest.update(data)
        with no_room_is_disk_full():
            self._file.write(data)

    def finish(self) -> tuple[str, int]:
        """All has come and is on the disk: its hash and size. Raises as `write` does."""
        self._text.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest(), self._text.seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError:  # what it could not write it will not need
            pass
        finally:
            self.path.unlink(missing_ok=True)


class _Utf8:
    """Checks a stream of bytes, and says where the first one is that cannot be text."""

    def __init__(self) -> None:
        self.seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data: bytes, *, final: bool = False) -> None:
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            offset = self.seen - pending + error.start
            raise InvalidText(
                "file", f"must be UTF-8 text; the byte at offset {offset} is not: {error.reason}"
            ) from error
        self.seen += len(data)

    def finish(self) -> None:
        self.feed(b"", final=True)
        if not self.seen:
            raise InvalidText("file", "must hold text; it is empty")


@contextmanager
def no_room_is_disk_full() -> Iterator[None]:
    """Raise DiskFull where the system says there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(f"there is no room to write: {os.strerror(error.errno)}") from error
        raise
