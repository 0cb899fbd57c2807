"""Published models that a job needs or makes: fetched from the object store, and put there.

`Replica` brings folder and store to the same models every few seconds; a job cannot wait for that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from app.core.exceptions import Conflict
from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import version_folder
from models.errors import CheckpointError, CheckpointExists, CheckpointNotFound

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

    def fetch_if_published(self, model: str) -> None:
        """Fetch a model that an attempt at another machine may have published. Raises StoreUnavailable."""
        try:
            fetch_model(self._store, self._root, model)
        except (CheckpointError, Conflict) as error:
            logger.debug("%s is not fetched: %s", model, error)

    def push(self, folder: Path, model: str) -> None:
        """Put the model in `folder` into the store, before it is published here. Raises StoreUnavailable.

        Raises CheckpointExists where another has its number; that one is fetched, as it may be of the same job.
        """
        try:
            self._store.push(folder, model)
        except CheckpointExists:
            self.fetch_if_published(model)
            raise
