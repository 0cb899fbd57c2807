"""Publishing a model that a job has finished: one rename into the place that was kept for it, by whoever comes first.

Knows the layout of published models and whose job made one. It loads no model, so that a worker stays small.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from models.card import CARD_FILE, Card
from models.catalogue import versions
from models.errors import CheckpointDamaged, CheckpointExists


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
        _sync(directory)


def is_published(root: Path, name: str, version: int, job_id: str) -> bool:
    """Whether this job published that version; a card that cannot be read is not ours."""
    card = root / name / str(version) / CARD_FILE
    try:
        return card.exists() and Card.read(card).provenance.job == job_id
    except CheckpointDamaged:
        return False


def newest(root: Path, name: str) -> int:
    """The highest published version of a name; 0 where there is none."""
    return max((entry.version or 0 for entry in versions(root / name)), default=0)


def result(root: Path, name: str, version: int) -> dict[str, Any]:
    """What a job that published a model has to show for it."""
    metrics = Card.read(root / name / str(version) / CARD_FILE).provenance.metrics
    return {"model": f"{name}@{version}", "metrics": metrics}


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
