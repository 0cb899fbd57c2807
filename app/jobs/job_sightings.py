"""Sightings of jobs: what their followers are told of, read of many jobs by few queries.

A look reads seven short columns of each job. Its events are read only where their number has grown, and the sentence
about what it waits for, which takes counting the queue, only where the kind of its reason has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, select

from app.jobs.events import read_events
from app.jobs.job import JobSighting
from app.jobs.outlook import reason_kind, waiting_reason
from app.jobs.store import count_leased, job_from_row, select_jobs
from app.storage.database import Database, Epoch
from app.storage.tables import JOBS, Status

JOBS_PER_QUERY = 500
"""Databases bound the parameters of a statement."""
KEPT_EVENTS = 100
"""Newest events of a followed job that are kept for its followers; who is further behind reads the database."""


def look_at_jobs(database: Database, known: Mapping[str, JobSighting | None]) -> dict[str, JobSighting]:
    """Return the jobs named in `known`, by id, as they are now; those that are gone are left out.

    `known` has what the look before has found of each, or None. Raises DatabaseUnavailable.
    """
    sightings: dict[str, JobSighting] = {}
    with database.read() as connection:
        for ids in _batches(list(known)):
            sightings |= _read_sightings(connection, ids)
        reasons = _read_reasons(connection, sightings, known)
        return {
            job_id: _complete(connection, job_id, sighting, known[job_id], reasons)
            for job_id, sighting in sightings.items()
        }


def _complete(
    connection: Connection, job_id: str, sighting: JobSighting, before: JobSighting | None, reasons: Mapping[str, str]
) -> JobSighting:
    """Add the sentence about what the job waits for, and the events since the look before."""
    waiting = reasons.get(job_id, before.waiting if before else "")
    count = sighting.event_count - before.event_count if before else 0
    if not waiting and not count:  # nearly all of them
        return sighting
    # As many as the row has counted: in PostgreSQL the events are read a moment later than the status.
    events = read_events(connection, job_id, before.event_count, count) if before and 0 < count <= KEPT_EVENTS else ()
    return sighting._replace(waiting=waiting, events=events)


def _read_sightings(connection: Connection, ids: Sequence[str]) -> dict[str, JobSighting]:
    columns = (JOBS.c.event_count, JOBS.c.progress, JOBS.c.created_at, JOBS.c.heartbeat_at, JOBS.c.lease_expires_at)
    query = select(JOBS.c.id, JOBS.c.status, *columns, count_leased(), Epoch()).where(JOBS.c.id.in_(ids))
    return {job_id: JobSighting(Status(status), *rest) for job_id, status, *rest in connection.execute(query)}


def _read_reasons(
    connection: Connection, sightings: Mapping[str, JobSighting], known: Mapping[str, JobSighting | None]
) -> dict[str, str]:
    """Return the sentences about what jobs wait for, of those that wait for something else than before."""
    before = {job_id: sighting.waiting for job_id, sighting in known.items() if sighting}
    changed = [
        job_id
        for job_id, seen in sightings.items()
        if reason_kind(waiting_reason(seen)) != reason_kind(before.get(job_id))
    ]
    rows = (
        row for ids in _batches(changed) for row in connection.execute(select_jobs().where(JOBS.c.id.in_(ids))).all()
    )
    return {row.id: waiting_reason(job_from_row(row)) or "" for row in rows}


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while batch := list(islice(rest, JOBS_PER_QUERY)):
        yield batch
