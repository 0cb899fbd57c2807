"""Events and metrics of jobs in the database.

Events of a job are numbered 1, 2, 3, ... without gaps, so that a reader can resume after the last number it has seen;
metrics are one row per step. The functions run in the caller's transaction, which holds the lock of the job's row
wherever an event is appended: this keeps the numbers in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from app.storage.database import Epoch
from app.storage.tables import EVENTS, JOBS, METRICS

StepMetrics = Mapping[str, float | None]


@dataclass(frozen=True)
class StoredEvent:
    """An event in the history of a job."""

    number: int
    """1, 2, 3, … within the job, without gaps."""
    created_at: float
    """Seconds since 1970."""
    event: str
    """queued, started, lost, released, publishing, renumbered, cancelling, or a final status."""
    data: dict[str, Any]
    """Details of the event, such as the reason of a loss."""


def append_event(connection: Connection, job_id: str, event: str, data: Mapping[str, Any]) -> None:
    """Append an event with the next number."""
    count = update(JOBS).where(JOBS.c.id == job_id).values(event_count=JOBS.c.event_count + 1)
    number = connection.execute(count.returning(JOBS.c.event_count)).scalar_one()
    row = {"job_id": job_id, "number": number, "event": event, "data": dict(data)}
    connection.execute(insert(EVENTS).values(created_at=Epoch(), **row))


def read_events(connection: Connection, job_id: str, after: int, limit: int) -> list[StoredEvent]:
    """Return at most `limit` events after number `after`, oldest first."""
    columns = (EVENTS.c.number, EVENTS.c.created_at, EVENTS.c.event, EVENTS.c.data)
    query = select(*columns).where(EVENTS.c.job_id == job_id, EVENTS.c.number > after)
    return [StoredEvent(*row) for row in connection.execute(query.order_by(EVENTS.c.number).limit(limit))]


def record_metrics(connection: Connection, job_id: str, metrics: Mapping[int, StepMetrics]) -> None:
    """Write the metrics of each step, replacing those of a step measured before."""
    if not metrics:
        return
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")  # which the connection has imported
    rows = [{"job_id": job_id, "step": step, "values": dict(values)} for step, values in metrics.items()]
    upsert = dialect.insert(METRICS)
    key = [METRICS.c.job_id, METRICS.c.step]
    upsert = upsert.on_conflict_do_update(index_elements=key, set_={"values": upsert.excluded["values"]})
    connection.execute(upsert, rows)


def delete_metrics_after(connection: Connection, job_id: str, step: int) -> None:
    """Delete the metrics of steps after `step`, which will be measured again."""
    connection.execute(delete(METRICS).where(METRICS.c.job_id == job_id, METRICS.c.step > step))


def read_metrics(
    connection: Connection, job_id: str, after: int, points: int | None
) -> list[tuple[int, dict[str, Any]]]:
    """Return (step, values) after step `after`, in order: all, or about `points`, spread evenly.

    The newest step is always among them.
    """
    later = (METRICS.c.job_id == job_id) & (METRICS.c.step > after)
    query = select(METRICS.c.step, METRICS.c["values"]).where(later)
    count = connection.execute(select(func.count()).where(later)).scalar_one()
    if points is not None and count > points:
        stride = -(-count // points)
        numbered = select(METRICS.c.step, func.row_number().over(order_by=METRICS.c.step).label("row"))
        rows = numbered.where(later).subquery()
        # Rows are counted from the end, so that the newest is kept.
        query = query.where(METRICS.c.step.in_(select(rows.c.step).where((count - rows.c.row) % stride == 0)))
    return [(row[0], row[1]) for row in connection.execute(query.order_by(METRICS.c.step))]
