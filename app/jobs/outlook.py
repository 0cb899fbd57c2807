"""Outlook of a job: what it waits for, and how long it may still take.

Workers leave no trace of themselves but the leases they hold: that nobody has taken up a job while no job is leased
means that no worker runs.
"""

from __future__ import annotations

from typing import Any

from app.jobs.job import Job, JobSighting
from app.storage.tables import LEASED_STATUSES, Status

CLAIM_SECONDS = 3.0
"""Time within which an idle worker takes a job up; it looks about twice a second."""
LOW_PROCESSOR_SHARE = 0.25
"""Share of one processor below which a job counts as waiting for it."""

NOT_BEGUN: dict[str, Any] = {
    "phase": "starting",
    "step": 0,
    "steps": 0,
    "fraction": 0.0,
    "epoch": 0.0,
    "tokens_per_second": None,
    "seconds_left": None,
    "metrics": {},
}
"""Progress of a job whose work has not reported any."""


def waiting_reason(job: Job | JobSighting) -> str | None:
    """Return a sentence about what an unfinished job waits for; None where it gets on.

    A queued job waits for a worker, a running one for the processor or, if its worker is lost, for another worker.
    """
    if job.status is Status.QUEUED:
        return _queued_reason(job)
    if job.status in LEASED_STATUSES:
        return _lost_worker_reason(job) or _processor_reason(job)
    return None


def reason_kind(reason: str | None) -> str:
    """Return what stands before the figures of a reason, which change from moment to moment."""
    return (reason or "").partition(":")[0]


def seconds_left(job: Job) -> float | None:
    """Return about how many seconds of work are left.

    None: the job is over, or takes longer than was estimated. A queued job has all of its estimate before it. A running
    one has what its phase tells, or the rest of the estimate.
    """
    estimate: float | None = job.estimate.get("seconds")
    if job.status is Status.QUEUED or estimate is None:
        return estimate
    if job.status is not Status.RUNNING:
        return None
    of_phase: float | None = (job.progress or {}).get("seconds_left")
    if of_phase is not None:
        return of_phase
    rest = estimate - (job.now - (job.started_at or job.now))
    return rest if rest > 0 else None


def _queued_reason(job: Job | JobSighting) -> str | None:
    since = max(job.created_at, job.heartbeat_at or 0.0)  # a job that was given back has been claimed before
    if job.now - since < CLAIM_SECONDS:
        return None
    ahead = (job.position or 1) - 1
    before = f"; {ahead} queued before it" if ahead else ""
    if job.leased_jobs:
        return f"it waits for a worker: all are busy, with {job.leased_jobs} running{before}"
    return f"no worker takes it up: none seems to run; `nextword worker` starts one{before}"


def _lost_worker_reason(job: Job | JobSighting) -> str | None:
    if job.lease_expires_at is None or job.now <= job.lease_expires_at:
        return None
    silent = job.now - (job.heartbeat_at or job.lease_expires_at)
    return f"its worker is lost: no sign of it for {silent:.0f} seconds, and no other has taken the job up yet"


def _processor_reason(job: Job | JobSighting) -> str | None:
    share = (job.progress or {}).get("processor_share")
    if share is None or share >= LOW_PROCESSOR_SHARE:
        return None
    return f"it waits for the processor: lately it had {share:.0%} of one, since jobs come after requests"
