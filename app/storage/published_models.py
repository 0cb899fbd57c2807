"""Publishing and deleting versions of models in the folder of published models.

A staged model is published by one rename, so it is visible as a whole or not at all. Only cards are read, never
weights: this keeps a worker's own process small.
"""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.core.exceptions import Conflict, ModelInUse
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.members import checkpoints_using
from models.checkpoint.repository import DELETED_CARD_FILE, next_version, version_folder
from models.errors import CheckpointDamaged, CheckpointExists, CheckpointNotFound
from models.utils.files import fsync_path

logger = logging.getLogger(__name__)
STALE_STAGING_SECONDS = 24 * 3600
"""Age at which a temporary folder counts as abandoned by its writer."""


def publish(staged: Path, root: Path, name: str, version: int, job_id: str) -> None:
    """Make a staged model visible as `name@version`, unless an earlier attempt at the job already did.

    Raises CheckpointExists where that version was published by somebody else.
    """
    target = version_folder(root, name, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        staged.rename(target)  # fails onto a directory that is not empty: the first publisher wins
    except OSError as error:
        if not is_published(root, name, version, job_id):
            if target.exists():
                raise CheckpointExists(f"{name}@{version} is already published") from error
            raise
    for directory in (target.parent, root):
        fsync_path(directory)


def is_published(root: Path, name: str, version: int, job_id: str) -> bool:
    """Return whether this job published that version; False for a card that cannot be read."""
    card = version_folder(root, name, version) / CARD_FILE
    try:
        return card.exists() and Card.read(card).provenance.job == job_id
    except CheckpointDamaged:
        return False


def newest_version(root: Path, name: str) -> int:
    """Return the highest version of a name that was ever published; 0 where there was none."""
    return next_version(root / name) - 1


def delete_version(root: Path, name: str, version: int) -> None:
    """Delete a published model. It disappears at once; processes that have it open can go on using it.

    The card is kept under another name, which reserves the number: `name@version` never means another model.
    Raises CheckpointNotFound, and Conflict for a version in a link, whose files are another directory's.
    """
    target = version_folder(root, name, version)
    if target.parent.is_symlink() or target.is_symlink():
        raise Conflict(f"{name}@{version} is a link to files that are not the service's to delete: remove the link")
    try:
        (target / CARD_FILE).rename(target / DELETED_CARD_FILE)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointNotFound(f"there is no model {name}@{version}") from None
    except OSError as error:
        raise Conflict(f"{name}@{version} cannot be deleted: {error.strerror}") from error
    for file in target.iterdir():
        if file.name != DELETED_CARD_FILE:
            _remove(file)
    fsync_path(target)


def delete_unused_version(root: Path, name: str, version: int) -> None:
    """Delete a published model as `delete_version` does.

    Raises ModelInUse where a composite is made of it.
    """
    model = f"{name}@{version}"
    if composites := checkpoints_using(root, model):
        raise ModelInUse(f"{model} is a part of {', '.join(composites)}; delete that first")
    delete_version(root, name, version)


def _remove(path: Path) -> None:
    """Remove a file, link or directory of a model that is deleted already; what stays costs room alone."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        logger.warning("%s of a deleted model could not be removed: %s", path, error)


def remove_stale_staging(root: Path) -> None:
    """Remove temporary folders of saves that were killed: those not written to for a day."""
    for folder in root.glob(f".*-{'[0-9a-f]' * 12}"):
        with suppress(FileNotFoundError):  # renamed or removed meanwhile
            if time.time() - folder.stat().st_mtime > STALE_STAGING_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def job_result(card: Card, model: str) -> dict[str, Any]:
    """Return the result of a job that published `name@version` with this card: its id and metrics."""
    return {"model": model, "metrics": card.provenance.metrics}
