"""What happened to a job: its events, numbered without gaps, and its metrics, one row a step.

Knows the two tables and how a reader resumes. It knows no lease and decides nothing; callers bring the transaction,
and have locked the job's row where they append.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.database import Epoch
from app.storage.tables import EVENTS, JOBS, METRICS

StepMetrics = Mapping[str, float | None]


@dataclass(frozen=True)
class StoredEvent:
    """Something that happened to a job."""

    number: int
    """1, 2, 3, … within the job, without gaps."""
    created_at: float
    """Seconds since 1970."""
    event: str
    """queued, started, lost, released, publishing, renumbered, cancelling, or a final status."""
    data: dict[str, Any]
    """What there is to say about it."""


def append_event(connection: Connection, job_id: str, event: str, data: Mapping[str, Any]) -> None:
    """Write an event. Numbers become visible in their order, since whoever writes holds the job's row."""
    count = update(JOBS).where(JOBS.c.id == job_id).values(event_count=JOBS.c.event_count + 1)
    number = connection.execute(count.returning(JOBS.c.event_count)).scalar_one()
    row = {"job_id": job_id, "number": number, "event": event, "data": dict(data)}
    connection.execute(insert(EVENTS).values(created_at=Epoch(), **row))


def read_events(connection: Connection, job_id: str, after: int, limit: int) -> list[StoredEvent]:
    """At most `limit` events numbered beyond `after`, oldest first."""
    columns = (EVENTS.c.number, EVENTS.c.created_at, EVENTS.c.event, EVENTS.c.data)
    wanted = select(*columns).where(EVENTS.c.job_id == job_id, EVENTS.c.number > after)
    return [StoredEvent(*row) for row in connection.execute(wanted.order_by(EVENTS.c.number).limit(limit))]


def record_metrics(connection: Connection, job_id: str, metrics: Mapping[int, StepMetrics]) -> None:
    """Write a row for each step, in place of one that is there."""
    if not metrics:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows = [{"job_id": job_id, "step": step, "values": dict(values)} for step, values in metrics.items()]
    new = dialect.insert(METRICS)
    key = [METRICS.c.job_id, METRICS.c.step]
    connection.execute(new.on_conflict_do_update(index_elements=key, set_={"values": new.excluded["values"]}), rows)


def delete_metrics_after(connection: Connection, job_id: str, step: int) -> None:
    """Delete the metrics of steps beyond `step`, which are about to be taken again."""
    connection.execute(delete(METRICS).where(METRICS.c.job_id == job_id, METRICS.c.step > step))


def read_metrics(
    connection: Connection, job_id: str, after: int, points: int | None
) -> list[tuple[int, dict[str, Any]]]:
    """(step, values) beyond step `after` in order: all, or about `points` spread evenly, the last always among them."""
    mine = (METRICS.c.job_id == job_id) & (METRICS.c.step > after)
    wanted = select(METRICS.c.step, METRICS.c["values"]).where(mine)
    count = connection.execute(select(func.count()).where(mine)).scalar_one()
    if points is not None and count > points:
        every = -(-count // points)
        numbered = select(METRICS.c.step, func.row_number().over(order_by=METRICS.c.step).label("row"))
        rows = numbered.where(mine).subquery()
        # Counted from the end, so that the newest is kept.
        wanted = wanted.where(METRICS.c.step.in_(select(rows.c.step).where((count - rows.c.row) % every == 0)))
    return [(row[0], row[1]) for row in connection.execute(wanted.order_by(METRICS.c.step))]
