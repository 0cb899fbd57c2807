"""`JobMemory`: memory that the jobs at once of one worker are expected to need together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from app.jobs.job import Job
from app.jobs.leases import Lease

Fits: TypeAlias = Callable[[Job], bool]


class JobMemory:
    """Memory that is shared out to jobs by their estimates: one runs alone, several within `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}
        """Estimates of the jobs at work, by id."""

    def claim(self, claim: Callable[[Fits], tuple[Job, Lease] | None]) -> tuple[Job, Lease] | None:
        """Call `claim` with the condition that a job fits beside those at work, and reserve what it takes."""
        with self._lock:
            claimed = claim(self._fits)
            if claimed is not None:
                self._bytes[claimed[0].id] = _estimate(claimed[0])
            return claimed

    def release(self, job: Job) -> None:
        """Give back what a job took."""
        with self._lock:
            self._bytes.pop(job.id, None)

    def _fits(self, job: Job) -> bool:
        return not self._bytes or sum(self._bytes.values()) + _estimate(job) <= self._limit


def _estimate(job: Job) -> int:
    return int(job.estimate.get("memory_bytes", 0))
