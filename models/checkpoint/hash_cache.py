"""Cache of verified hashes, so that a start does not read gigabytes of weights again.

A file is recognised by its path, size and time of modification. A program that can forge those can rewrite the cache
as well: it guards against accidents, as the hashes do.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.errors import CheckpointDamaged
from models.utils.files import write_atomically


class VerifiedHashes:
    """Hashes of files that were verified, kept in memory and, given a `path`, in a small JSON file there.

    A missing or unreadable file counts as empty; one that cannot be written costs only the next verification.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._verified: dict[str, list[int | str]] = _read(path) if path else {}

    def verify(self, file: Path, digest: FileDigest) -> None:
        """Raise CheckpointDamaged, naming the file, unless its bytes have this digest."""
        stat = file.stat()
        if stat.st_size != digest.size:
            raise CheckpointDamaged(f"{file}: {stat.st_size} bytes instead of {digest.size}: truncated or altered")
        # Taken before the bytes are read: a file that changes meanwhile does not match its entry afterwards.
        entry: list[int | str] = [stat.st_size, stat.st_mtime_ns, digest.sha256]
        if self._verified.get(str(file.resolve())) == entry:
            return
        if FileDigest.of(file) != digest:
            raise CheckpointDamaged(f"{file}: its SHA-256 is not the one in the card: altered")
        self._verified[str(file.resolve())] = entry
        self._write()

    def _write(self) -> None:
        """Replace the JSON file; an error of the file system is ignored."""
        if self._path is None:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(self._path) as temporary:
                temporary.write_text(json.dumps(self._verified, indent=1))


def _read(path: Path) -> dict[str, list[int | str]]:
    """Return the entries of the JSON file, none where it cannot be read."""
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}
