"""Live stream of a job's events, from the past ones to its end.

Events carry their number, so that a reader whose connection broke can resume after the last one it has seen. Progress,
and what the job waits for, are sent in between without a number, since only the newest matters. The wire format is the
route's.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, NamedTuple

from app.jobs.events import StoredEvent
from app.jobs.job_watch import JobNews, JobWatch
from app.jobs.outlook import reason_kind
from app.storage.tables import OPEN_STATUSES

KEEP_ALIVE_SECONDS = 15.0
"""Silence after which a keep-alive is sent, so that no proxy takes the connection for dead."""


class StreamedEvent(NamedTuple):
    """An event or a progress report as it is streamed."""

    name: str
    data: Mapping[str, Any]
    number: int | None = None
    """Number of a stored event; progress and waiting have none."""


async def stream_job(watch: JobWatch, job_id: str, after: int) -> AsyncGenerator[StreamedEvent | None, None]:
    """Yield events after number `after`, progress and waiting, until the job is over or the server stops.

    The event that ends the job is the last: progress reported just before it is not sent. None is a keep-alive.
    """
    between = _Unnumbered()
    last_sent = time.monotonic()
    with watch.follow(job_id, after) as follower:
        while not watch.stopping():
            news = await follower.read()
            for event in [] if news is None else [*map(_streamed, news.events), *between.events(news)]:
                last_sent = time.monotonic()
                yield event
            if news is not None and news.is_last:
                return
            if time.monotonic() - last_sent >= KEEP_ALIVE_SECONDS:
                last_sent = time.monotonic()
                yield None
            await follower.wait(last_sent + KEEP_ALIVE_SECONDS - time.monotonic())


class _Unnumbered:
    """Events without a number: progress, and what the job waits for, each when it has changed."""

    def __init__(self) -> None:
        self._progress: Mapping[str, Any] | None = None
        self._waiting = ""

    def events(self, news: JobNews) -> Iterator[StreamedEvent]:
        """Yield what has changed since the last call; nothing of a job that is over."""
        if news.status in OPEN_STATUSES and news.progress is not None and news.progress != self._progress:
            self._progress = news.progress
            yield StreamedEvent("progress", news.progress)
        kind = reason_kind(news.waiting)
        if kind not in ("", self._waiting):
            yield StreamedEvent("waiting", {"message": news.waiting})
        self._waiting = kind


def _streamed(event: StoredEvent) -> StreamedEvent:
    return StreamedEvent(event.event, {**event.data, "created_at": int(event.created_at)}, event.number)
