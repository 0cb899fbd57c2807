"""A job as a stream of server-sent events: what happened and happens to it, until it is over.

Events carry their number as id, so that a reader who lost the connection goes on from there (`Last-Event-ID`).
Progress comes in between, without an id: only the newest matters. Knows the job store and the wire format.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from app.core.exceptions import DatabaseUnavailable
from app.jobs.events import StoredEvent
from app.jobs.store import Job, JobStore
from app.storage.tables import OPEN_STATUSES

KEEP_ALIVE_SECONDS = 15.0
"""Without a word for so long, a comment is sent, so that nothing on the way takes the connection for dead."""
POLL_SECONDS = 0.5
"""Between two looks at the job."""


async def stream_job(
    jobs: JobStore, job_id: str, after: int, stopping: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """The events beyond `after` as they come, and progress, until the job is over or the server is stopping."""
    progress: Mapping[str, Any] | None = None
    spoken = time.monotonic()
    while not stopping():
        news = await _poll(jobs, job_id, after)
        if news is not None:
            job, events = news
            said = [_event(event) for event in events]
            if job.progress is not None and job.progress != progress:
                progress = job.progress
                said.append(_message("progress", progress))
            for part in said:
                yield part
            after = events[-1].number if events else after
            spoken = time.monotonic() if said else spoken
            if job.status not in OPEN_STATUSES and not events:
                return
        if time.monotonic() - spoken >= KEEP_ALIVE_SECONDS:
            spoken = time.monotonic()
            yield b": keep-alive\n\n"
        await asyncio.sleep(POLL_SECONDS)


async def _poll(jobs: JobStore, job_id: str, after: int) -> tuple[Job, list[StoredEvent]] | None:
    """News of the job; None while the database does not answer."""
    try:
        return await asyncio.to_thread(jobs.job_and_events, job_id, after)
    except DatabaseUnavailable:
        return None


def _event(event: StoredEvent) -> bytes:
    return f"id: {event.number}\n".encode() + _message(event.event, {**event.data, "created_at": int(event.created_at)})


def _message(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n".encode()
