"""Live stream of a job's events, from the past ones to its end.

Events carry their number, so that a reader whose connection broke can resume after the last one it has seen. Progress
is sent in between without a number, since only the newest matters. The wire format is the route's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, NamedTuple

from app.core.exceptions import DatabaseUnavailable
from app.jobs.events import StoredEvent
from app.jobs.store import Job, JobStore
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
    """Number of a stored event; progress has none."""


async def stream_job(
    jobs: JobStore, job_id: str, after: int, stopping: Callable[[], bool]
) -> AsyncGenerator[StreamedEvent | None, None]:
    """Yield events after number `after`, and progress, until the job is over or the server stops.

    The event that ends the job is the last: progress reported just before it is not sent. None is a keep-alive.
    """
    progress: Mapping[str, Any] | None = None
    last_sent = time.monotonic()
    while not stopping():
        news = await _poll(jobs, job_id, after)
        if news is not None:
            job, events = news
            for event in events:
                after = event.number
                yield StreamedEvent(event.event, {**event.data, "created_at": int(event.created_at)}, event.number)
            if job.status in OPEN_STATUSES and job.progress not in (None, progress):
                progress = job.progress
                yield StreamedEvent("progress", progress)
                last_sent = time.monotonic()
            if events:
                last_sent = time.monotonic()
            elif job.status not in OPEN_STATUSES:
                return
        if time.monotonic() - last_sent >= KEEP_ALIVE_SECONDS:
            last_sent = time.monotonic()
            yield None
        await asyncio.sleep(POLL_SECONDS)


async def _poll(jobs: JobStore, job_id: str, after: int) -> tuple[Job, list[StoredEvent]] | None:
    """Return the job and its new events; None while the database is unavailable."""
    try:
        return await asyncio.to_thread(jobs.job_and_events, job_id, after)
    except DatabaseUnavailable:
        return None
