"""Published models that a job needs or makes: fetched from the object store, and put there.

`Replica` brings folder and store to the same models every few seconds; a job cannot wait for that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from app.core.exceptions import Conflict, DiskFull
from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import NO_CARD, ObjectStore
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import version_folder
from models.errors import CheckpointDamaged, CheckpointError, CheckpointNotFound

logger = logging.getLogger(__name__)


class SharedModels:
    """Models in an object store, and the folder of this machine."""

    def __init__(self, store: ObjectStore, root: Path) -> None:
        self._store, self._root = store, root

    def fetch(self, models: Iterable[str]) -> None:
        """Fetch the models, `name@version` each, that are missing here.

        Raises StoreUnavailable, also while another process copies one, and while one is not in the store yet.
        """
        for model in models:
            if not (version_folder(self._root, *parse_version(model)) / CARD_FILE).exists():
                try:
                    fetch_model(self._store, self._root, model)
                except (CheckpointNotFound, Conflict) as error:
                    raise SourceError(f"{model} is not here yet: {error}") from error

    def published_by(self, job_id: str, model: str) -> Card | None:
        """Return the card of a version if an attempt at this job published it, at whatever machine.

        The model is fetched. Raises StoreUnavailable.
        """
        return self._of_job(job_id, model, self._store.last_card(model))

    def give_up(self, job_id: str, model: str) -> Card | None:
        """Bar all attempts at a job from publishing a version; returns the card where one was first.

        Raises StoreUnavailable.
        """
        return self._of_job(job_id, model, self._store.give_up(model, job_id))

    def push(self, folder: Path, model: str) -> None:
        """Put the model in `folder` into the store, before it is published here. Raises StoreUnavailable.

        Raises CheckpointExists where another has its number, or it was given up.
        """
        self._store.push(folder, model)

    def _of_job(self, job_id: str, model: str, content: bytes) -> Card | None:
        """Return a card if it is that of the job's model; the model is fetched, whoever made it."""
        if content == NO_CARD:
            return None
        try:
            fetch_model(self._store, self._root, model)
        except (CheckpointError, Conflict, DiskFull, OSError) as error:
            logger.warning("%s is in the object store, and not fetched: %s", model, error)
        with suppress(CheckpointDamaged):
            card = Card.parse(content)
            return card if card.provenance.job == job_id else None
        return None
