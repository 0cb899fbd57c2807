"""Replica: keeps the folder of published models and an object store alike.

What the store has and the folder lacks is fetched, verified and published by a rename of the folder's own; what was
published in the folder goes to the store; what was deleted in one is deleted in the other. Of several processes on one
folder, one at a time does it.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.exceptions import Conflict
from app.storage.published_models import delete_version
from app.storage.replication.fetch import fetch_model
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.source import SourceError
from models.checkpoint.card import CARD_FILE
from models.checkpoint.model_name import parse_version
from models.checkpoint.repository import DELETED_CARD_FILE, list_checkpoints, version_folder, was_deleted
from models.errors import CheckpointError, CheckpointExists, CheckpointNotFound

logger = logging.getLogger(__name__)
LOCK_FILE = ".store.lock"
RETRY_SECONDS = 600.0
"""Pause before a model is tried again that could not be copied because of what it is."""
BREAK_SECONDS = 30.0
"""Pause before a model is tried again whose copy broke off."""


class Replica:
    """A folder of published models that follows an object store, and the store that follows it."""

    def __init__(self, store: ObjectStore, root: Path, count: Callable[[str], None] = lambda _: None) -> None:
        """`count` is told of each model that is `fetched`, `pushed` or `deleted`."""
        self._store = store
        self._root = root
        self._count = count
        self._refused: dict[tuple[str, str], float] = {}
        """When to try again what was refused, by model and tag of its card."""
        self._compared = set[str]()
        """Models that are the same here and in the store, for good."""

    def sync(self) -> None:
        """Bring folder and store to the same models. Raises SourceError where the store does not answer."""
        with self._lock() as is_ours:
            if not is_ours:
                return
            published, deleted = self._store.states()
            for model in deleted:
                self._delete_here(model)
            for model, tag in published.items():
                if was_deleted(self._root, model):
                    self._delete_there(model)
                elif not self._path(model).exists():
                    self._attempt(model, tag, self._fetch)
            for ref in list_checkpoints(self._root):
                if ref.id not in deleted:
                    copy = self._compare if ref.id in published else self._push
                    self._attempt(ref.id, published.get(ref.id, ""), copy)

    def _path(self, model: str) -> Path:
        return version_folder(self._root, *parse_version(model))

    def _attempt(self, model: str, tag: str, copy: Callable[[str], None]) -> None:
        """Copy a model, unless it was refused a short time ago; one that is refused stops no other."""
        if time.monotonic() < self._refused.get((model, tag), 0.0):
            return
        try:
            copy(model)
        except (CheckpointError, Conflict, SourceError) as error:
            logger.error("%s is not copied: %s", model, error)
            pause = BREAK_SECONDS if isinstance(error, SourceError) else RETRY_SECONDS
            self._refused[model, tag] = time.monotonic() + pause

    def _fetch(self, model: str) -> None:
        if fetch_model(self._store, self._root, model):
            self._note("fetched", model)

    def _push(self, model: str) -> None:
        if self._store.push(self._path(model), model):
            self._note("pushed", model)

    def _compare(self, model: str) -> None:
        """Look once whether a model here is that in the store. Raises CheckpointExists where it is another."""
        if model in self._compared:
            return
        with suppress(OSError):  # deleted meanwhile, or not readable, which stops no other
            if (self._path(model) / CARD_FILE).read_bytes() != self._store.last_card(model):
                raise CheckpointExists(f"it is another model in {self._store.url}")
            self._compared.add(model)

    def _delete_here(self, model: str) -> None:
        """Delete a model that was deleted in the store; where it never was, its number is reserved."""
        if was_deleted(self._root, model):
            return
        with suppress(CheckpointNotFound, Conflict):
            delete_version(self._root, *parse_version(model))
            self._note("deleted", model)
            return
        with suppress(OSError):
            self._path(model).mkdir(parents=True, exist_ok=True)
            (self._path(model) / DELETED_CARD_FILE).touch()

    def _delete_there(self, model: str) -> None:
        with suppress(CheckpointNotFound):  # another machine was first
            self._store.delete(model)
            self._note("deleted", model)

    def _note(self, what: str, model: str) -> None:
        logger.info("%s %s: %s", what, model, self._store.url)
        self._count(what)

    @contextmanager
    def _lock(self) -> Iterator[bool]:
        """Keep other processes of this machine from the folder; yields False where one is at it."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / LOCK_FILE).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
