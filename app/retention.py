"""Retention: deletion of unused files, finished jobs and old versions of models, as the settings say.

Any number of server processes may do so at once: each file, job and version is deleted by one of them, which logs and
counts it. Whatever an alias, a composite model or an unfinished job refers to stays, and the newest version that can be
used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice

from app.core.exceptions import Conflict, FileInUse, ModelInUse, ModelLoading, NotFound
from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.engine.registry.snapshot import PublishedModel
from app.jobs.finished_jobs import delete_finished_job, finished_jobs
from app.storage.published_models import delete_unused_version
from app.stores import Stores
from app.worker.saved.workspaces import Workspaces
from models.checkpoint.card import CARD_FILE
from models.errors import CheckpointError, CheckpointNotFound

logger = logging.getLogger(__name__)
MAX_DELETIONS = 200
"""Most things of a kind that one sweep deletes: a server that stops waits for its end."""
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Retention:
    """Deletion of what the settings let go; nothing where they say nothing."""

    settings: Settings
    stores: Stores
    registry: ModelRegistry
    count: Callable[[str], None]
    """Called with `job`, `file` or `model` for each that was deleted."""
    now: Callable[[], float]
    """Time in seconds since 1970, by the database's clock: that of the rows."""

    def sweep(self) -> None:
        """Delete what is due now. Raises DatabaseUnavailable, and OSError as the disk does."""
        settings = self.settings
        if settings.keep_finished_jobs_days is not None:
            self._delete_jobs(settings.keep_finished_jobs_days)
        if settings.keep_unused_files_days is not None:
            self._delete_files(settings.keep_unused_files_days)
        if settings.keep_versions is not None or settings.keep_versions_days is not None:
            self._delete_models()

    def _delete_jobs(self, days: float) -> None:
        database, settings = self.stores.database, self.settings
        workspaces = Workspaces(settings.data, settings.checkpoints, self.stores.states)
        for job_id in finished_jobs(database, self.now() - days * DAY_SECONDS, MAX_DELETIONS):
            workspaces.clear(job_id)  # before the row: nobody knows afterwards whose directories they are
            if delete_finished_job(database, job_id):
                self._note("job", job_id, f"it finished more than {days:g} days ago")

    def _delete_files(self, days: float) -> None:
        before = self.now() - days * DAY_SECONDS
        for file_id in self.stores.files.unused(before)[:MAX_DELETIONS]:
            with suppress(NotFound, FileInUse):  # another process was first, or somebody uses it again
                self.stores.files.delete(file_id, unused_since=before)
                self._note("file", file_id, f"nothing has used it for {days:g} days")

    def _delete_models(self) -> None:
        snapshot = self.registry.snapshot
        if not self.registry.has_scanned or snapshot.loading:  # the newest may be among those that are loading
            return
        for served in islice(self._old_versions(snapshot.models), MAX_DELETIONS):
            try:
                self._delete_unless_needed(served)
            except (ModelInUse, CheckpointNotFound, Conflict) as error:
                logger.debug("%s stays: %s", served.id, error)
            else:
                self.registry.withdraw(served.id)
                self._note("model", served.id, "it is an old version")

    def _old_versions(self, models: Iterable[PublishedModel]) -> Iterator[PublishedModel]:
        """Yield the versions that the settings let go, whoever refers to them; never the newest of a name."""
        settings, now = self.settings, self.now()
        kept = settings.keep_versions or 1
        days = settings.keep_versions_days or 0.0
        for _, versions in groupby(models, key=lambda served: served.ref.name):
            served = list(versions)
            old = [older for older in served[:-kept] if _publication_time(older) < now - days * DAY_SECONDS]
            if old and all(map(self._can_be_used, served[-kept:])):
                yield from old

    def _can_be_used(self, kept: PublishedModel) -> bool:
        """Return whether a version can be loaded, in whose favour others are deleted.

        Nobody may have tried yet.
        """
        try:
            return self.registry.get(kept.id).id == kept.id
        except (CheckpointError, ModelLoading) as error:
            logger.warning("older versions of %s stay: %s", kept.ref.name, error)
            return False

    def _delete_unless_needed(self, served: PublishedModel) -> None:
        root, name, version = self.settings.checkpoints, served.ref.name, served.ref.version or 0
        remove = partial(delete_unused_version, root, name, version)
        self.stores.aliases.run_unless_needed(name, version, remove)

    def _note(self, kind: str, name: str, reason: str) -> None:
        logger.info("retention deleted %s %s: %s", kind, name, reason)
        self.count(kind)


def _publication_time(served: PublishedModel) -> float:
    """Return when a model was made or put into the folder, whichever is later; infinity where it is gone."""
    try:
        return max(served.card.created_at, (served.ref.path / CARD_FILE).stat().st_mtime)
    except OSError:
        return float("inf")
