"""Which files have had their hash checked, so that a start does not read gigabytes again.

A file is known again by its path, size and time of modification; whoever can forge those can rewrite the ledger as
well, so it guards against accidents, as the hashes do. It knows files and hashes; it does not know checkpoints.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.errors import CheckpointDamaged


class VerifiedHashes:
    """Remembers verified files, in memory and, given a `path`, in a small JSON file there.

    That file is a cache: one that is missing or unreadable counts as empty, one that cannot be written costs only
    the time of the next check.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: dict[str, list[int | str]] = _read(path) if path else {}

    def verify(self, file: Path, facts: FileDigest) -> None:
        """Raise CheckpointDamaged, naming the file, unless its bytes are what `facts` say."""
        stat = file.stat()
        if stat.st_size != facts.size:
            raise CheckpointDamaged(f"{file}: {stat.st_size} bytes instead of {facts.size}: truncated or altered")
        # Taken before the bytes are read: a file that changes meanwhile does not match its entry afterwards.
        entry: list[int | str] = [stat.st_size, stat.st_mtime_ns, facts.sha256]
        if self._seen.get(str(file.resolve())) == entry:
            return
        if FileDigest.of(file) != facts:
            raise CheckpointDamaged(f"{file}: its SHA-256 is not the one in the card: altered")
        self._seen[str(file.resolve())] = entry
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._seen, indent=1))
            temporary.replace(self._path)


def _read(path: Path) -> dict[str, list[int | str]]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
