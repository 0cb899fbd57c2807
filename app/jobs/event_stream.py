"""Live stream of a job's events, from the past ones to its end.

Events carry their number, so that a reader whose connection broke can resume after the last one it has seen. Progress,
and what the job waits for, are sent in between without a number, since only the newest matters. The wire format is the
route's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from app.core.exceptions import DatabaseUnavailable
from app.jobs.events import StoredEvent
from app.jobs.job import Job
from app.jobs.outlook import waiting_reason
from app.jobs.store import JobStore
from app.storage.tables import OPEN_STATUSES

KEEP_ALIVE_SECONDS = 15.0
"""Silence after which a keep-alive is sent, so that no proxy takes the connection for dead."""
POLL_SECONDS = 0.5
"""Between two queries of the job."""


class StreamedEvent(NamedTuple):
    """An event or a progress report as it is streamed."""

    name: str
    data: Mapping[str, Any]
    number: int | None = None
    """Number of a stored event; progress and waiting have none."""


async def stream_job(
    jobs: JobStore, job_id: str, after: int, stopping: Callable[[], bool]
) -> AsyncGenerator[StreamedEvent | None, None]:
    """Yield events after number `after`, progress and waiting, until the job is over or the server stops.

    The event that ends the job is the last: progress reported just before it is not sent. None is a keep-alive.
    """
    between = _Unnumbered()
    last_sent = time.monotonic()
    while not stopping():
        news = await _poll(jobs, job_id, after)
        if news is not None:
            job, events = news
            numbered = [_streamed(event) for event in events]
            for event in [*numbered, *between.events(job)]:
                after = event.number or after
                last_sent = time.monotonic()
                yield event
            if not events and job.status not in OPEN_STATUSES:
                return
        if time.monotonic() - last_sent >= KEEP_ALIVE_SECONDS:
            last_sent = time.monotonic()
            yield None
        await asyncio.sleep(POLL_SECONDS)


class _Unnumbered:
    """Events without a number: progress, and what the job waits for, each when it has changed."""

    def __init__(self) -> None:
        self._progress: Mapping[str, Any] | None = None
        self._waiting = ""

    def events(self, job: Job) -> Iterator[StreamedEvent]:
        """Yield what has changed since the last call; nothing of a job that is over."""
        if job.status in OPEN_STATUSES and job.progress not in (None, self._progress):
            self._progress = job.progress
            yield StreamedEvent("progress", job.progress)
        reason = waiting_reason(job) or ""
        kind = reason.partition(":")[0]  # the figures behind it change from moment to moment
        if kind not in ("", self._waiting):
            yield StreamedEvent("waiting", {"message": reason})
        self._waiting = kind


def _streamed(event: StoredEvent) -> StreamedEvent:
    return StreamedEvent(event.event, {**event.data, "created_at": int(event.created_at)}, event.number)


async def _poll(jobs: JobStore, job_id: str, after: int) -> tuple[Job, list[StoredEvent]] | None:
    """Return the job and its new events; None while the database is unavailable."""
    try:
        return await asyncio.to_thread(jobs.job_and_events, job_id, after)
    except DatabaseUnavailable:
        return None
