"""Who may work on a job, and write what comes of it.

A worker claims a job under a lease with an end; heartbeats renew it; a lease that ended is claimed again, and from
then on the store refuses every word of the earlier holder (fencing). Knows claims and outcomes; it does not know
what the work is, where it runs, or when to give up: that is the worker's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, select, update

from app.core.exceptions import LeaseLost
from app.jobs import events
from app.jobs.store import Job, job_from_row, next_version, select_jobs
from app.storage.database import Database, Epoch
from app.storage.tables import JOBS, LEASED_STATUSES, Status


@dataclass(frozen=True)
class Lease:
    """The right to write what comes of a job, until it is claimed again."""

    job_id: str
    """Which job."""
    fencing_token: int
    """Which claim of it: the newest is valid, all earlier ones are not."""


class LeaseStore:
    """Claims of jobs, and what their holders write.

    Every method raises DatabaseUnavailable, and those that take a lease LeaseLost. Repeating a call that failed is
    safe: one that had in truth succeeded has the same effect again, or raises LeaseLost.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def claim(self, worker: str, seconds: float) -> tuple[Job, Lease] | None:
        """Take a job for `seconds`: one whose lease ended, which counts as an attempt more, or the oldest queued.

        A job may come back as cancelling, and with any number of attempts; the caller decides what that means.
        """
        with self.database.read() as connection:
            if _next_claimable(connection) is None:
                return None
        with self.database.write() as connection:
            job = _next_claimable(connection)
            return None if job is None else _claim(connection, job, worker, seconds)

    def renew(
        self,
        lease: Lease,
        seconds: float,
        progress: Mapping[str, Any] | None = None,
        metrics: Mapping[int, events.StepMetrics] | None = None,
        rewind: int | None = None,
    ) -> Status:
        """Hold the lease for `seconds` from now, store what was measured, and learn whether to stop (cancelling).

        `rewind` is the step from which this attempt goes on: what was measured beyond it is forgotten first.
        """
        values: dict[str, Any] = {"lease_expires_at": Epoch() + seconds, "heartbeat_at": Epoch()}
        if progress is not None:
            values["progress"] = dict(progress)
        with self.database.write() as connection:
            status = _update_leased(connection, lease, **values)
            if rewind is not None:
                events.delete_metrics_after(connection, lease.job_id, rewind)
            events.record_metrics(connection, lease.job_id, metrics or {})
        return status

    def begin_publishing(self, lease: Lease) -> bool:
        """Pass the point from which a cancel no longer stops the job; False where one came before.

        It is never taken back: whoever claims the job after a crash here must publish it too.
        """
        with self.database.write() as connection:
            if _update_leased(connection, lease) is Status.CANCELLING:
                return False
            _update_leased(connection, lease, publishing=True)
            events.append_event(connection, lease.job_id, "publishing", {})
            return True

    def renumber(self, lease: Lease, newest: int) -> int:
        """Give the model the next version, past `newest`: someone else published the one it had."""
        with self.database.write("nextword:jobs") as connection:
            _update_leased(connection, lease)
            name = connection.execute(select(JOBS.c.name).where(JOBS.c.id == lease.job_id)).scalar_one()
            version = next_version(connection, name, newest)
            _update_leased(connection, lease, version=version)
            events.append_event(connection, lease.job_id, "renumbered", {"model": f"{name}@{version}"})
            return version

    def succeed(self, lease: Lease, result: Mapping[str, Any]) -> None:
        """The job is done; this is what came of it."""
        with self.database.write() as connection:
            _finish(connection, lease, Status.SUCCEEDED, result, result=dict(result))

    def fail(self, lease: Lease, code: str, message: str) -> None:
        """The job ends without a result."""
        with self.database.write() as connection:
            error = {"code": code, "message": message}
            _finish(connection, lease, Status.FAILED, error, error_code=code, error_message=message)

    def confirm_cancelled(self, lease: Lease) -> None:
        """The job was asked to stop, and has."""
        with self.database.write() as connection:
            _finish(connection, lease, Status.CANCELLED, {})

    def release(self, lease: Lease, *, lost: str | None = None) -> Status:
        """Put the job back into the queue for another to go on with: `lost` says how its process died, and counts.

        One that is being cancelled is cancelled instead.
        """
        with self.database.write() as connection:
            if _update_leased(connection, lease) is Status.CANCELLING:
                _finish(connection, lease, Status.CANCELLED, {})
                return Status.CANCELLED
            attempt = JOBS.c.attempt + (0 if lost is None else 1)
            _update_leased(connection, lease, status=Status.QUEUED, attempt=attempt, lease_expires_at=None)
            event, data = ("released", {}) if lost is None else ("lost", {"reason": lost})
            events.append_event(connection, lease.job_id, event, data)
            return Status.QUEUED


def _next_claimable(connection: Connection) -> Job | None:
    """The job to take next, its row locked against other claims where the database has row locks."""
    ended = select_jobs().where(JOBS.c.status.in_(LEASED_STATUSES), JOBS.c.lease_expires_at < Epoch())
    queued = select_jobs().where(JOBS.c.status == Status.QUEUED)
    for wanted in (ended, queued):
        first = wanted.order_by(JOBS.c.number).limit(1).with_for_update(skip_locked=True, of=JOBS)
        row = connection.execute(first).one_or_none()
        if row is not None:
            return job_from_row(row)
    return None


def _claim(connection: Connection, job: Job, worker: str, seconds: float) -> tuple[Job, Lease]:
    lost = job.status in LEASED_STATUSES
    if lost:
        events.append_event(connection, job.id, "lost", {"reason": "the lease ended without a heartbeat"})
    taken = update(JOBS).where(JOBS.c.id == job.id)
    values = {
        "status": case((JOBS.c.status == Status.QUEUED, Status.RUNNING), else_=JOBS.c.status),
        "attempt": JOBS.c.attempt + int(lost),
        "lease": JOBS.c.lease + 1,
        "lease_expires_at": Epoch() + seconds,
        "heartbeat_at": Epoch(),
        "worker": worker,
    }
    started_at = case((JOBS.c.started_at.is_(None), Epoch()), else_=JOBS.c.started_at)
    connection.execute(taken.values(started_at=started_at, **values))
    claimed = job_from_row(connection.execute(select_jobs().where(JOBS.c.id == job.id)).one())
    events.append_event(connection, job.id, "started", {"attempt": claimed.attempt, "worker": worker})
    return claimed, Lease(claimed.id, claimed.lease)


def _update_leased(connection: Connection, lease: Lease, **values: Any) -> Status:
    """Write under the lease, or only check it and lock the row; returns the status as it was before."""
    mine = (JOBS.c.id == lease.job_id) & (JOBS.c.lease == lease.fencing_token) & JOBS.c.status.in_(LEASED_STATUSES)
    status = connection.execute(select(JOBS.c.status).where(mine).with_for_update()).scalar_one_or_none()
    if status is None:
        raise LeaseLost(f"job {lease.job_id} is no longer held under lease {lease.fencing_token}")
    if values:
        connection.execute(update(JOBS).where(mine).values(**values))
    return Status(status)


def _finish(connection: Connection, lease: Lease, status: Status, data: Mapping[str, Any], **values: Any) -> None:
    _update_leased(connection, lease, status=status, finished_at=Epoch(), lease_expires_at=None, **values)
    events.append_event(connection, lease.job_id, status, data)
