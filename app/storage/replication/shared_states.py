"""Saved states of jobs in an object store, so that a job goes on at another machine than it began at.

An object is called `.jobs/<job>/<lease>/<file>`, a name that no model has. Each attempt writes below its own lease, as
it does in the folder of data, so one that was taken for lost cannot write into its successor's.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app.storage.replication.objects import Objects
from models.errors import CheckpointNotFound

FOLDER = ".jobs"


class SharedStates:
    """Files of attempts at jobs. Methods raise SourceError where the store does not answer."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def leases(self, job_id: str) -> list[int]:
        """Return the leases that have files in the store, oldest first."""
        names = {found.path.split("/")[2] for found in self._objects.list(f"{FOLDER}/{job_id}")}
        return sorted(int(name) for name in names if name.isdecimal())

    def names(self, job_id: str, lease: int, folder: str) -> list[str]:
        """Return the names of the files of an attempt in a folder."""
        return [found.name for found in self._objects.list(_key(job_id, lease, folder))]

    def put(self, job_id: str, lease: int, name: str, path: Path) -> None:
        """Write a file of an attempt; it is seen once it is whole. Raises OSError where it cannot be read."""
        self._objects.put(_key(job_id, lease, name), path)

    def fetch(self, job_id: str, lease: int, name: str, path: Path) -> bool:
        """Write a file of an attempt to `path`; False where there is none. Raises SourceError."""
        with suppress(CheckpointNotFound):
            self._objects.fetch(_key(job_id, lease, name), path)
            return True
        return False

    def clear(self, job_id: str) -> None:
        """Delete all files of a job."""
        for found in self._objects.list(f"{FOLDER}/{job_id}"):
            self._objects.delete(found.path)

    def changed_at(self, job_id: str) -> float:
        """Return when a file of a job was last written, in seconds since 1970; 0 where there is none."""
        objects = self._objects.list(f"{FOLDER}/{job_id}")
        return max((found.changed_at.timestamp() for found in objects), default=0.0)

    def job_ids(self) -> set[str]:
        """Return the ids of jobs that have files in the store."""
        return {found.path.split("/")[1] for found in self._objects.list(FOLDER)}


def _key(job_id: str, lease: int, name: str) -> str:
    return f"{FOLDER}/{job_id}/{lease}/{name}"
