"""Leases on jobs: claiming a job, renewing the claim, and writing its outcome.

A worker claims a job under a `Lease` that expires; heartbeats renew it. A job whose lease expired can be claimed
again, and from then on `LeaseStore` refuses every write of the earlier holder: each claim has a fencing token, and
only the newest may write. When to give up on a job is the worker's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, or_, select, update

from app.core.exceptions import LeaseLost
from app.jobs.events import StepMetrics, append_event, delete_metrics_after, record_metrics
from app.jobs.job import Job
from app.jobs.store import job_from_row, next_version, select_jobs
from app.storage.database import Database, Epoch
from app.storage.tables import JOBS, JOBS_LOCK, LEASED_STATUSES, Status


@dataclass(frozen=True)
class Lease:
    """Permission to write the outcome of a job, until it is claimed again."""

    job_id: str
    fencing_token: int
    """Number of the claim: only the newest of a job is valid."""


class LeaseStore:
    """Claims of jobs, and the writes of their holders.

    Every method raises DatabaseUnavailable, and those that take a lease LeaseLost. Repeating a call that failed is
    safe: if it had in fact succeeded, the repetition has the same effect or raises LeaseLost.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def claim(
        self, worker: str, seconds: float, fits: Callable[[Job], bool] = lambda _: True
    ) -> tuple[Job, Lease] | None:
        """Claim a job for `seconds`: one whose lease expired (one attempt more), or else the oldest queued.

        None where there is no such job or it does not fit; smaller ones that come after it would keep it waiting. The
        job may be cancelling, and may have any number of attempts; the caller decides what follows from that.
        """
        with self.database.read() as connection:
            job = _next_claimable(connection)
        if job is None or not fits(job):
            return None
        with self.database.write() as connection:
            job = _next_claimable(connection)
            return _claim(connection, job, worker, seconds) if job is not None and fits(job) else None

    def renew(
        self,
        lease: Lease,
        seconds: float,
        progress: Mapping[str, Any] | None = None,
        metrics: Mapping[int, StepMetrics] | None = None,
        rewind: int | None = None,
    ) -> Status:
        """Extend the lease to `seconds` from now and store progress and metrics.

        Returns the status of the job, which is CANCELLING where the work should stop. `rewind` is the step from which
        this attempt resumes: metrics of later steps are deleted first.
        """
        values: dict[str, Any] = {"lease_expires_at": Epoch() + seconds, "heartbeat_at": Epoch()}
        if progress is not None:
            values["progress"] = dict(progress)
        with self.database.write() as connection:
            status = _update_leased(connection, lease, **values)
            if rewind is not None:
                delete_metrics_after(connection, lease.job_id, rewind)
            record_metrics(connection, lease.job_id, metrics or {})
        return status

    def begin_publishing(self, lease: Lease) -> bool:
        """Mark the job as being published, which a cancel no longer stops; False where a cancel came before.

        The mark is never removed: the next worker to claim the job after a crash must publish it too.
        """
        with self.database.write() as connection:
            if _update_leased(connection, lease) is Status.CANCELLING:
                return False
            _update_leased(connection, lease, publishing=True)
            append_event(connection, lease.job_id, "publishing", {})
            return True

    def renumber(self, lease: Lease, newest: int) -> int:
        """Reserve another version for the model, after `newest`: somebody else published the reserved one."""
        with self.database.write(JOBS_LOCK) as connection:
            _update_leased(connection, lease)
            name = connection.execute(select(JOBS.c.name).where(JOBS.c.id == lease.job_id)).scalar_one()
            version = next_version(connection, name, newest)
            _update_leased(connection, lease, version=version)
            append_event(connection, lease.job_id, "renumbered", {"model": f"{name}@{version}"})
            return version

    def succeed(self, lease: Lease, result: Mapping[str, Any]) -> None:
        """Finish the job as succeeded, with its result."""
        with self.database.write() as connection:
            _finish(connection, lease, Status.SUCCEEDED, result, result=dict(result))

    def fail(self, lease: Lease, code: str, message: str) -> None:
        """Finish the job as failed."""
        with self.database.write() as connection:
            error = {"code": code, "message": message}
            _finish(connection, lease, Status.FAILED, error, error_code=code, error_message=message)

    def confirm_cancelled(self, lease: Lease) -> None:
        """Finish the job as cancelled."""
        with self.database.write() as connection:
            _finish(connection, lease, Status.CANCELLED, {})

    def release(self, lease: Lease, *, lost: str | None = None) -> Status:
        """Put the job back into the queue; returns its new status.

        `lost` is the reason why its process died, which counts as an attempt. A job that is being cancelled is
        finished as cancelled instead.
        """
        with self.database.write() as connection:
            if _update_leased(connection, lease) is Status.CANCELLING:
                _finish(connection, lease, Status.CANCELLED, {})
                return Status.CANCELLED
            attempt = JOBS.c.attempt + (0 if lost is None else 1)
            _update_leased(connection, lease, status=Status.QUEUED, attempt=attempt, lease_expires_at=None)
            event, data = ("released", {}) if lost is None else ("lost", {"reason": lost})
            append_event(connection, lease.job_id, event, data)
            return Status.QUEUED


def _next_claimable(connection: Connection) -> Job | None:
    """Return the next job to claim, its row locked against other claims where the database has row locks."""
    expired = select_jobs().where(JOBS.c.status.in_(LEASED_STATUSES), _has_ended())
    queued = select_jobs().where(JOBS.c.status == Status.QUEUED)
    for query in (expired, queued):
        oldest = query.order_by(JOBS.c.number).limit(1).with_for_update(skip_locked=True, of=JOBS)
        row = connection.execute(oldest).one_or_none()
        if row is not None:
            return job_from_row(row)
    return None


def _has_ended() -> ColumnElement[bool]:
    """Return the condition that a lease has ended, or that its heartbeat lies far in the future.

    Farther than the lease is long: the database's clock was set back then, and a holder that was killed would keep its
    job until the clock comes to that time again. One that lives renews its lease at once, or loses it as where the
    clock is set forward.
    """
    was_set_back = JOBS.c.heartbeat_at - Epoch() > JOBS.c.lease_expires_at - JOBS.c.heartbeat_at
    return or_(JOBS.c.lease_expires_at < Epoch(), was_set_back)


def _claim(connection: Connection, job: Job, worker: str, seconds: float) -> tuple[Job, Lease]:
    lost = job.status in LEASED_STATUSES
    if lost:
        append_event(connection, job.id, "lost", {"reason": "the lease ended without a heartbeat"})
    values = {
        "status": case((JOBS.c.status == Status.QUEUED, Status.RUNNING), else_=JOBS.c.status),
        "attempt": JOBS.c.attempt + int(lost),
        "lease": JOBS.c.lease + 1,
        "lease_expires_at": Epoch() + seconds,
        "heartbeat_at": Epoch(),
        "worker": worker,
    }
    started_at = case((JOBS.c.started_at.is_(None), Epoch()), else_=JOBS.c.started_at)
    connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(started_at=started_at, **values))
    claimed = job_from_row(connection.execute(select_jobs().where(JOBS.c.id == job.id)).one())
    append_event(connection, job.id, "started", {"attempt": claimed.attempt, "worker": worker})
    return claimed, Lease(claimed.id, claimed.lease)


def _update_leased(connection: Connection, lease: Lease, **values: object) -> Status:
    """Check the lease, lock the row and write columns, if any; returns the status before the write."""
    leased = (JOBS.c.id == lease.job_id) & (JOBS.c.lease == lease.fencing_token) & JOBS.c.status.in_(LEASED_STATUSES)
    status = connection.execute(select(JOBS.c.status).where(leased).with_for_update()).scalar_one_or_none()
    if status is None:
        raise LeaseLost(f"job {lease.job_id} is no longer held under lease {lease.fencing_token}")
    if values:
        connection.execute(update(JOBS).where(leased).values(**values))
    return Status(status)


def _finish(connection: Connection, lease: Lease, status: Status, data: Mapping[str, Any], **values: object) -> None:
    _update_leased(connection, lease, status=status, finished_at=Epoch(), lease_expires_at=None, **values)
    append_event(connection, lease.job_id, status, data)
