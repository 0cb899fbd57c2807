"""Uploaded files in an object store, for machines that share a database and no folder.

An object is called `.files/<hash>`, a name that no model has. The database says which files there are; the store only
holds their bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

from app.storage.replication.object_file import ObjectFile
from app.storage.replication.objects import Objects
from app.storage.replication.source import SourceError

FOLDER = ".files"
SHARE_SECONDS = 60.0
"""Pause between two looks for uploaded files that the store lacks, or that were deleted at another machine."""
READ_BYTES = 1 << 16
"""Fewest bytes that are asked for at a time where parts of a file are read."""


class SharedFiles:
    """Bytes of files by their hash. Methods raise SourceError where the store does not answer."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, sha256: str, path: Path) -> None:
        """Put the bytes at `path` into the store, unless they are there."""
        if self._objects.size(_key(sha256)) != path.stat().st_size:
            self._objects.put(_key(sha256), path)

    def fetch(self, sha256: str, path: Path) -> None:
        """Write bytes to a new file. Raises SourceError unless they come whole and have this hash."""
        size, digest = self._objects.size(_key(sha256)), hashlib.sha256()
        if size is None:
            raise self._absence(sha256)
        with path.open("xb") as file:
            while (begin := file.tell()) < size:
                with self._objects.read(_key(sha256), begin) as pieces:
                    for piece in pieces:
                        digest.update(piece)
                        file.write(piece)
                if file.tell() == begin:  # as long as each try brings something, there is another
                    raise SourceError(f"{self._objects.url}: a file breaks off after {begin} of {size} bytes")
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise SourceError(f"{self._objects.url}: the file with the hash {sha256} was altered")

    def open(self, sha256: str) -> io.BufferedReader:
        """Open bytes to read some of them, wherever they lie in the file; they are not checked by their hash.

        Raises SourceError, as reading does.
        """
        size = self._objects.size(_key(sha256))
        if size is None:
            raise self._absence(sha256)
        return io.BufferedReader(ObjectFile(self._objects, _key(sha256), size), READ_BYTES)

    def delete(self, sha256: str) -> None:
        """Delete the bytes with this hash, if they are there."""
        self._objects.delete(_key(sha256))

    def hashes(self) -> set[str]:
        """Return the hashes of all files in the store."""
        return {found.name for found in self._objects.list(FOLDER)}

    def _absence(self, sha256: str) -> SourceError:
        return SourceError(f"{self._objects.url} does not have the file with the hash {sha256}")


def _key(sha256: str) -> str:
    return f"{FOLDER}/{sha256}"
