"""Repository of checkpoints: which ones lie under a root directory, and which one a name means.

A checkpoint lies in `<root>/<name>/<version>/`, version 1, 2, 3, ... No file of a checkpoint is opened here, so that a
damaged one is listed like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint.card import CARD_FILE
from models.errors import CheckpointNotFound, InvalidInput

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class CheckpointRef:
    """Name, version and directory of a checkpoint."""

    name: str
    version: int | None
    """None for a directory outside the layout `<name>/<version>/`."""
    path: Path

    @property
    def id(self) -> str:
        """`name@version`, as requests and answers write it."""
        return self.name if self.version is None else f"{self.name}@{self.version}"

    @classmethod
    def from_path(cls, path: Path) -> CheckpointRef:
        """Return the reference of a checkpoint's own directory, named by the directories it lies in."""
        path = path.resolve()
        if _VERSION.fullmatch(path.name) and _NAME.fullmatch(path.parent.name):
            return cls(path.parent.name, int(path.name), path)
        return cls(path.name, None, path)


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can be a checkpoint's name."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "name", f"{name!r} is no name: 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        )


def list_checkpoints(root: Path) -> list[CheckpointRef]:
    """List every published checkpoint under `root`, by name and then version; a missing root holds none.

    Temporary directories (their names begin with a dot) and whatever else does not fit the layout are ignored.
    """
    return [ref for folder in _folders(root) if _NAME.fullmatch(folder.name) for ref in list_versions(folder)]


def list_versions(folder: Path) -> list[CheckpointRef]:
    """List the published versions of the name whose directory `folder` is, oldest first."""
    refs = [
        CheckpointRef(folder.name, int(path.name), path)
        for path in _folders(folder)
        if _VERSION.fullmatch(path.name) and (path / CARD_FILE).exists()
    ]
    return sorted(refs, key=lambda ref: ref.version or 0)


def next_version(folder: Path) -> int:
    """Return the number after the highest version in `folder`, published or not."""
    taken = [int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name)] if folder.exists() else []
    return max(taken, default=0) + 1


def resolve(root: Path, model: str) -> CheckpointRef:
    """Find the checkpoint that `model` means: `name` (its newest version), `name@version`, or a directory.

    What holds a `/` or begins with a dot is a directory: a checkpoint's own or, for its newest version, the one
    above. Raises CheckpointNotFound, which lists what exists.
    """
    if "/" in model or model.startswith("."):
        return _resolve_path(Path(model))
    name, at, version = model.partition("@")
    if _NAME.fullmatch(name) and (not at or _VERSION.fullmatch(version)):
        matches = [ref for ref in list_versions(root / name) if not at or ref.version == int(version)]
        if matches:
            return matches[-1]
    existing = ", ".join(ref.id for ref in list_checkpoints(root)) or "none"
    raise CheckpointNotFound(f"no checkpoint {model!r} in {root.resolve()}; there are: {existing}")


def _resolve_path(path: Path) -> CheckpointRef:
    """Find the checkpoint in a directory, or the newest of those in it. Raises CheckpointNotFound."""
    if (path / CARD_FILE).exists():
        return CheckpointRef.from_path(path)
    if versions := list_versions(path.resolve()):
        return versions[-1]
    raise CheckpointNotFound(f"{path} is no checkpoint: it holds no {CARD_FILE}")


def _folders(path: Path) -> list[Path]:
    """Return the directories in a directory, sorted; a missing one holds none."""
    try:
        return sorted(child for child in path.iterdir() if child.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
