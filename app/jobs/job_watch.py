"""JobWatch: one look at the database for all who follow jobs.

However many follow, one query every `POLL_SECONDS` reads what may have changed of all followed jobs, and only those who
follow a job that has changed are woken. While nobody follows, nothing is read. It works the same on SQLite and on
PostgreSQL, whichever process wrote. PostgreSQL's LISTEN would need the look all the same: nobody notifies of a worker
that is lost.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.core.exceptions import DatabaseUnavailable
from app.jobs.events import StoredEvent
from app.jobs.job import Job, JobSighting
from app.jobs.job_sightings import KEPT_EVENTS, look_at_jobs
from app.jobs.outlook import waiting_reason
from app.jobs.store import EVENTS_PER_READ, JobStore
from app.storage.tables import OPEN_STATUSES, Status

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
"""Between two looks at the database."""


class JobNews(NamedTuple):
    """News of a job for one follower: its state, and the events that are new to the follower."""

    status: Status
    progress: Mapping[str, Any] | None
    waiting: str
    """What the job waits for; empty where it gets on."""
    now: float
    """When it was so, by the database's clock."""
    events: Sequence[StoredEvent]

    @property
    def is_last(self) -> bool:
        """Whether the job is over and all of its events were told before."""
        return self.status not in OPEN_STATUSES and not self.events


@dataclass(eq=False)
class _FollowedJob:
    """A job that somebody follows, as the last look has found it."""

    followers: int = 0
    sighting: JobSighting | None = None
    """None before the first look, and where followers have to read the database themselves."""
    events: deque[StoredEvent] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced by a new one, when the job has changed."""

    def update(self, sighting: JobSighting | None) -> None:
        """Take in what a look has found, and wake the followers where it is new."""
        before, self.sighting = self.sighting, sighting
        if sighting is None or before is None or sighting.event_count - len(sighting.events) != before.event_count:
            self.events.clear()  # what has come since is not known
        if sighting is not None:
            self.events.extend(sighting.events)
        if sighting is None or before is None or not sighting.is_like(before):
            self.changed.set()
            self.changed = asyncio.Event()

    def news_after(self, number: int, moment: float) -> JobNews | None:
        """Return what is new after event `number`; None where the last look was before `moment`."""
        seen = self.sighting
        if seen is None or seen.now < moment or number < seen.event_count - len(self.events):
            return None
        events = [event for event in self.events if event.number > number]
        return JobNews(seen.status, seen.progress, seen.waiting, seen.now, events)


class JobFollower:
    """A reader of one job's news, each told once; made by `JobWatch.follow`."""

    def __init__(self, jobs: JobStore, job_id: str, followed: _FollowedJob, after: int) -> None:
        self._jobs, self._job_id, self._followed = jobs, job_id, followed
        self._after, self._moment = after, math.inf  # so the first reading is its own: a look may be seconds old
        self._changed = followed.changed
        self._is_due = True
        self._failed = False

    async def read(self) -> JobNews | None:
        """Return what is new; None where there is nothing, or the database is unavailable.

        Raises NotFound for a job that was deleted.
        """
        if not self._is_due:
            return None
        self._changed = self._followed.changed  # before the reading, so that no change falls in between
        news = self._followed.news_after(self._after, self._moment) or await self._read_database()
        self._failed = news is None
        if news is not None:
            self._moment = news.now
            self._after = max([self._after, *(event.number for event in news.events)])
        self._is_due = news is None or news.status not in OPEN_STATUSES or len(news.events) >= EVENTS_PER_READ
        return news

    async def wait(self, seconds: float) -> None:
        """Return when there may be something to read, or after so many seconds."""
        if self._failed:
            await asyncio.sleep(POLL_SECONDS)
        elif not self._is_due:
            try:
                await asyncio.wait_for(self._changed.wait(), max(seconds, 0.0))
                self._is_due = True
            except TimeoutError:
                pass

    async def _read_database(self) -> JobNews | None:
        try:
            job, events = await asyncio.to_thread(self._jobs.job_and_events, self._job_id, self._after)
        except DatabaseUnavailable:
            return None
        return _news_of(job, events)


class JobWatch:
    """The followed jobs of this process; used in the event loop's thread only."""

    def __init__(self, jobs: JobStore, stopping: Callable[[], bool]) -> None:
        """Look at `jobs` while somebody follows one, until `stopping` says that the server stops."""
        self.stopping = stopping
        self._jobs = jobs
        self._followed: dict[str, _FollowedJob] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, job_id: str, after: int) -> Iterator[JobFollower]:
        """Follow a job from event number `after` on, to the end of the block."""
        followed = self._followed.setdefault(job_id, _FollowedJob())
        followed.followers += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_repeatedly())
        try:
            yield JobFollower(self._jobs, job_id, followed, after)
        finally:
            followed.followers -= 1
            if not followed.followers:
                self._followed.pop(job_id, None)

    async def _look_repeatedly(self) -> None:
        while self._followed and not self.stopping():
            await self._look()
            await asyncio.sleep(POLL_SECONDS)
        for followed in self._followed.values():  # they see for themselves that the server stops
            followed.update(None)

    async def _look(self) -> None:
        """Look at all followed jobs once; where that fails but for an outage, each follower reads alone."""
        looked_at = dict(self._followed)
        known = {job_id: followed.sighting for job_id, followed in looked_at.items()}
        try:
            sightings = await asyncio.to_thread(look_at_jobs, self._jobs.database, known)
        except DatabaseUnavailable:
            return
        except Exception:
            logger.exception("followed jobs could not be looked at together")
            sightings = {}
        for job_id, followed in looked_at.items():
            followed.update(sightings.get(job_id))


def _news_of(job: Job, events: Sequence[StoredEvent]) -> JobNews:
    return JobNews(job.status, job.progress, waiting_reason(job) or "", job.now, events)
