"""Publishing a model that a job has finished, by one rename into the place kept for it; and taking one away again.

Knows the layout of published models and whose job made one. It loads no model, so that a worker stays small.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import next_version
from models.errors import CheckpointDamaged, CheckpointExists, CheckpointNotFound
from models.utils.files import fsync_path

DELETED_CARD_FILE = "deleted.json"
"""The card of a model that was deleted."""
STALE_STAGING_SECONDS = 24 * 3600
"""A folder that was not written to for so long has lost its writer."""


def publish(staged: Path, root: Path, name: str, version: int, job_id: str) -> None:
    """Make the staged model visible as `name@version`; nothing to do where an earlier attempt at the job already did.

    Raises CheckpointExists where that version is someone else's.
    """
    target = root / name / str(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        staged.rename(target)  # onto a directory with something in it this fails: the first publisher wins
    except OSError as error:
        if not is_published(root, name, version, job_id):
            if target.exists():
                raise CheckpointExists(f"{name}@{version} is already published") from error
            raise
    for directory in (target.parent, root):
        fsync_path(directory)


def is_published(root: Path, name: str, version: int, job_id: str) -> bool:
    """Whether this job published that version; a card that cannot be read is not ours."""
    card = root / name / str(version) / CARD_FILE
    try:
        return card.exists() and Card.read(card).provenance.job == job_id
    except CheckpointDamaged:
        return False


def newest_version(root: Path, name: str) -> int:
    """The highest version of a name that was ever published; 0 where there was none."""
    return next_version(root / name) - 1


def delete_version(root: Path, name: str, version: int) -> None:
    """Remove a published model, at once as far as anyone can see; whoever has it open keeps it until then.

    The card stays under another name, which keeps the number taken: `name@version` never comes to mean another model.
    Raises CheckpointNotFound.
    """
    target = root / name / str(version)
    try:
        (target / CARD_FILE).rename(target / DELETED_CARD_FILE)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointNotFound(f"there is no model {name}@{version}") from None
    for file in target.iterdir():
        if file.name != DELETED_CARD_FILE:
            file.unlink()
    fsync_path(target)


def remove_stale_staging(root: Path) -> None:
    """Remove the temporary folders of publications that were killed: those not written to for a day."""
    for left in root.glob(f".*-{'[0-9a-f]' * 12}"):
        with suppress(FileNotFoundError):  # renamed or removed meanwhile
            if time.time() - left.stat().st_mtime > STALE_STAGING_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def job_result(root: Path, name: str, version: int) -> dict[str, Any]:
    """What a job that published a model has to show for it."""
    metrics = Card.read(root / name / str(version) / CARD_FILE).provenance.metrics
    return {"model": f"{name}@{version}", "metrics": metrics}
