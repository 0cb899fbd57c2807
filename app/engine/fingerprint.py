"""Fingerprints of checkpoints, by which a change of their files is noticed without reading them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Fingerprint = tuple[tuple[str, int, int, int, int], ...]
"""Name, inode, size, time of change and of change of status of each file of a checkpoint."""
FILE_SUFFIXES = (".json", ".safetensors", ".kenlm")
"""Endings of a checkpoint's files; whatever else lies beside them, as an editor's lock does, is not looked at."""


def joint_fingerprint(name: str, parts: Mapping[str, tuple[Fingerprint, tuple[str, ...]]]) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a checkpoint and of all its members; () for one that is missing."""
    met = [name]
    for known in met:  # which grows meanwhile; no name is met twice, whatever a card says
        met += [member for member in parts.get(known, ((), ()))[1] if member not in met]
    return tuple(parts.get(known, ((), ()))[0] for known in met)


def own_fingerprint(path: Path) -> Fingerprint:
    """Return what tells a change of a checkpoint's files; () for a directory that cannot be examined."""
    try:
        found = [file for file in sorted(path.iterdir()) if file.suffix in FILE_SUFFIXES and file.name[0] != "."]
        return tuple(_file_fingerprint(file) for file in found)
    except OSError:  # going away at this moment, or not ours to read
        return ()


def _file_fingerprint(file: Path) -> tuple[str, int, int, int, int]:
    """Return the fingerprint of a file; of a link that leads nowhere, that of the link itself."""
    try:
        stat = file.stat()
    except OSError:
        stat = file.lstat()
    return file.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
