"""Stores: the database, files, jobs, leases, aliases and API keys, opened by the settings."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from app.core.settings import Settings
from app.jobs.leases import LeaseStore
from app.jobs.store import JobStore
from app.storage.aliases import AliasStore
from app.storage.database import Database, open_database
from app.storage.files.file_store import FileStore
from app.storage.findings import FINDINGS_FOLDER, FindingStore
from app.storage.key_ring import KeyRing
from app.storage.key_store import KeyStore
from app.storage.migrations import migrate
from app.storage.replication.objects import Objects
from app.storage.replication.shared_files import SharedFiles
from app.storage.replication.shared_states import SharedStates

logger = logging.getLogger(__name__)


@dataclass
class Stores:
    """The stores of the service."""

    database: Database
    files: FileStore
    jobs: JobStore
    leases: LeaseStore
    aliases: AliasStore
    keys: KeyRing
    findings: FindingStore
    states: SharedStates | None = None
    """Saved states of trainings, where machines share an object store."""
    is_prepared: bool = False
    """Whether the tables are there and the folders cleaned up."""

    @classmethod
    def open(cls, settings: Settings) -> Stores:
        """Open the stores of the settings, without connecting yet. Raises InvalidInput for a bad address."""
        database = open_database(settings)
        objects = None if settings.store is None else Objects(settings.store)
        files_note = _deletion_note("unused files", settings.keep_unused_files_days)
        shared = None if objects is None else SharedFiles(objects)
        files = FileStore(database, settings.data / "files", settings.max_file_bytes, files_note, shared)
        jobs = JobStore(database, _deletion_note("finished jobs", settings.keep_finished_jobs_days))
        keys = KeyRing(KeyStore(database), settings.api_keys_file, opens_without_keys=settings.opens_without_keys)
        leases, aliases = LeaseStore(database), AliasStore(database)
        findings = FindingStore(settings.data / FINDINGS_FOLDER)
        states = None if objects is None else SharedStates(objects)
        return cls(database, files, jobs, leases, aliases, keys, findings, states)

    def prepare(self) -> None:
        """Migrate the database, remove what broken uploads left, and add the sample.

        Raises DatabaseUnavailable.
        """
        migrate(self.database)
        self.files.remove_stale_uploads()
        try:
            self.files.add_sample()
        except OSError as error:  # as of a full disk: the service works without it
            logger.warning("the sample file could not be written: %s", error)

    def refresh(self) -> None:
        """Prepare once, as soon as the database answers; then bring the aliases up to date at every call."""
        if not self.is_prepared:
            self.prepare()
            self.is_prepared = True
        self.aliases.refresh()


def _deletion_note(things: str, days: float | None) -> str:
    """Return the end of the message that something is not there, where its age may have deleted it."""
    return "" if days is None else f"; {things} are deleted after {days:g} days"
