"""Repository of checkpoints: which ones lie under a root directory, and which one a name means.

A checkpoint lies in `<root>/<name>/<version>/`, version 1, 2, 3, ... No file of a checkpoint is opened here, so that a
damaged one is listed like any other, and a folder that cannot be examined hides no other.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.checkpoint.card import CARD_FILE
from models.checkpoint.model_name import NAME, VERSION, near_names, parse_model, parse_version
from models.errors import CheckpointNotFound, InvalidInput

DELETED_CARD_FILE = "deleted.json"
"""Name under which the card of a deleted model is kept: its number is not used again."""


@dataclass(frozen=True)
class CheckpointRef:
    """Name, version and directory of a checkpoint."""

    name: str
    version: int | None
    """None for a directory outside the layout `<name>/<version>/`."""
    path: Path

    @cached_property
    def id(self) -> str:
        """`name@version`, as requests and answers write it."""
        return self.name if self.version is None else f"{self.name}@{self.version}"

    @classmethod
    def from_path(cls, path: Path) -> CheckpointRef:
        """Return the reference of a checkpoint's own directory, named by the directories it lies in."""
        path = path.resolve()
        if VERSION.fullmatch(path.name) and NAME.fullmatch(path.parent.name):
            return cls(path.parent.name, int(path.name), path)
        return cls(path.name, None, path)


def list_checkpoints(root: Path) -> list[CheckpointRef]:
    """List every published checkpoint under `root`, by name and then version; a missing root holds none.

    Temporary directories (their names begin with a dot) and whatever else does not fit the layout are ignored.
    """
    return scan_checkpoints(root)[0]


def scan_checkpoints(root: Path) -> tuple[list[CheckpointRef], dict[str, OSError]]:
    """Return what `list_checkpoints` does, and the names whose directory cannot be listed."""
    refs: list[CheckpointRef] = []
    unlisted: dict[str, OSError] = {}
    for folder in _folders(root):
        if NAME.fullmatch(folder.name):
            try:
                refs += list_versions(folder)
            except OSError as error:
                unlisted[folder.name] = error
    return refs, unlisted


def list_versions(folder: Path) -> list[CheckpointRef]:
    """List the published versions of the name whose directory `folder` is, oldest first."""
    refs = [
        CheckpointRef(folder.name, int(path.name), path)
        for path in _folders(folder)
        if VERSION.fullmatch(path.name) and _may_hold_card(path)
    ]
    return sorted(refs, key=lambda ref: ref.version or 0)


def _may_hold_card(path: Path) -> bool:
    """Return whether a directory holds a card, if only a damaged one; True for one that cannot be read."""
    try:
        (path / CARD_FILE).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def version_folder(root: Path, name: str, version: int) -> Path:
    """Return the folder of `name@version` below `root`, whether there is one or not."""
    return root / name / str(version)


def was_deleted(root: Path, model: str) -> bool:
    """Tell whether `model` is the name@version of one that was deleted."""
    with suppress(InvalidInput, OSError):  # no model can have that name; nobody can look into its folder
        return (version_folder(root, *parse_version(model)) / DELETED_CARD_FILE).exists()
    return False


def next_version(folder: Path) -> int:
    """Return the number after the highest version in `folder`, published or not."""
    taken = [int(path.name) for path in folder.iterdir() if VERSION.fullmatch(path.name)] if folder.exists() else []
    return max(taken, default=0) + 1


def resolve(root: Path, model: str) -> CheckpointRef:
    """Find the checkpoint that `model` means: `name` (its newest version), `name@version`, or a directory.

    What holds a `/` or begins with a dot is a directory: a checkpoint's own or, for its newest version, the one
    above. Raises CheckpointNotFound, which lists what exists.
    """
    if "/" in model or model.startswith("."):
        return _resolve_path(Path(model))
    with suppress(InvalidInput):  # no model can have that name
        name, version = parse_model(model)
        matches = [ref for ref in list_versions(root / name) if version in (None, ref.version)]
        if matches:
            return matches[-1]
    existing = near_names(model, [ref.id for ref in list_checkpoints(root)])
    raise CheckpointNotFound(f"no checkpoint {model!r} in {root.resolve()}; {existing}")


def _resolve_path(path: Path) -> CheckpointRef:
    """Find the checkpoint in a directory, or the newest of those in it. Raises CheckpointNotFound."""
    if (path / CARD_FILE).exists():
        return CheckpointRef.from_path(path)
    if versions := list_versions(path.resolve()):
        return versions[-1]
    raise CheckpointNotFound(f"{path} is no checkpoint: it holds no {CARD_FILE}")


def _folders(path: Path) -> list[Path]:
    """Return the directories in a directory, sorted; a missing one holds none. Raises OSError."""
    try:
        return sorted(filter(_is_folder, path.iterdir()))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder(path: Path) -> bool:
    """Return whether a path is a directory; not where that cannot be examined, as of links that go round."""
    try:
        return path.is_dir()
    except OSError:
        return False
