"""Object of a store as a file that is read in parts: `ObjectFile`."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from app.storage.replication.objects import Objects
from app.storage.replication.source import SourceError
from models.errors import CheckpointNotFound

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class ObjectFile(io.RawIOBase):
    """File that asks the store for each part that is read of it. Reading raises SourceError."""

    def __init__(self, objects: Objects, path: str, size: int) -> None:
        self._objects, self._path, self._size = objects, path, size
        self._place = 0

    def readable(self) -> bool:
        """Return true, as files opened for reading do."""
        return True

    def seekable(self) -> bool:
        """Return true: any part can be asked for."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte, counted as `whence` says; return it counted from the beginning."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with the next bytes; return their number, 0 at the end."""
        view = memoryview(buffer)
        length = min(len(view), self._size - self._place)
        if length <= 0:
            return 0
        try:
            data = self._objects.part(self._path, self._place, length)
        except CheckpointNotFound as error:  # deleted meanwhile
            raise SourceError(str(error)) from error
        view[: len(data)] = data
        self._place += len(data)
        return len(data)
