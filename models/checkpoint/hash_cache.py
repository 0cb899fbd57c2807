"""Cache of verified hashes, so that a start does not read gigabytes of weights again.

A file is recognised by its path, inode, size and times of change. A program that can forge those can rewrite the cache
as well: it guards against accidents, as the hashes do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.errors import CheckpointDamaged
from models.utils.files import write_atomically
from models.utils.regular_files import read_regular

MAX_CACHE_BYTES = 1 << 24
"""Most bytes of the JSON file that are read."""
Entry = list[int | str]
"""Size, times of change and inode of a file that was verified, and its hash."""


class VerifiedHashes:
    """Hashes of files that were verified, kept in memory and, given a `path`, in a small JSON file there.

    A missing or unreadable file counts as empty; one that cannot be written costs only the next verification.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._verified: dict[str, Entry] = _read(path) if path else {}

    def verify(self, file: Path, digest: FileDigest) -> Path:
        """Return `file`. Raises CheckpointDamaged, naming it, unless its bytes have this digest."""
        entry = self.entry(file, digest)
        if self._verified.get(str(file.resolve())) != entry:
            if FileDigest.of(file) != digest:
                raise altered_error(file)
            self.note({file: entry})
        return file

    def entry(self, file: Path, digest: FileDigest) -> Entry:
        """Return the entry of `file` as it is now. Raises CheckpointDamaged where it has another size."""
        # Taken before the bytes are read: a file that changes meanwhile does not match its entry afterwards.
        stat = file.stat()
        if stat.st_size != digest.size:
            raise CheckpointDamaged(f"{file}: {stat.st_size} bytes instead of {digest.size}: truncated or altered")
        return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, digest.sha256]

    def note(self, entries: Mapping[Path, Entry]) -> None:
        """Remember that files were verified when they had these entries."""
        self._verified.update((str(file.resolve()), entry) for file, entry in entries.items())
        self._write()

    def _write(self) -> None:
        """Replace the JSON file, with what other processes noted there; file system errors are ignored."""
        if self._path is None:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            entries = _read(self._path) | self._verified
            present = {name: entry for name, entry in entries.items() if Path(name).exists()}
            with write_atomically(self._path, durable=False) as temporary:
                temporary.write_text(json.dumps(present, indent=1))


def altered_error(file: Path) -> CheckpointDamaged:
    """Return the error for a file that has not the bytes that its card says."""
    return CheckpointDamaged(f"{file}: its SHA-256 is not the one in the card: altered")


def _read(path: Path) -> dict[str, Entry]:
    """Return the entries of the JSON file, none where it cannot be read."""
    try:
        entries = json.loads(read_regular(path, MAX_CACHE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}
