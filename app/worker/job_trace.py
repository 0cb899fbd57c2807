"""The trace of an attempt at a job: `traced`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.core.traces.tracing import Phases, Tracing
from app.jobs.job import Job
from app.storage.tables import Status

LOST = "lost"
"""What became of an attempt that an exception ended: its lease was lost, or the database while the worker stopped."""


@dataclass
class TracedAttempt:
    """Outcome of an attempt that is traced."""

    status: Status | None = None
    """New status of the job; None where an exception ended the attempt."""


@contextmanager
def traced(tracing: Tracing | None, job: Job, phases: Phases) -> Iterator[TracedAttempt]:
    """Trace an attempt at a job while the block lasts, linked to the request that submitted it."""
    attempt = TracedAttempt()
    if tracing is None:
        yield attempt
        return
    trace = tracing.begin_job(job.traceparent)
    try:
        yield attempt
    finally:
        outcome = LOST if attempt.status is None else attempt.status.value
        attributes: dict[str, str | int | float | bool] = {
            "nextword.job.id": job.id,
            "nextword.job.kind": job.kind,
            "nextword.job.attempt": job.attempt,
            "nextword.job.status": outcome,
            "nextword.job.queue_seconds": round(max(0.0, job.now - job.created_at), 3),
        }
        if job.version is not None:
            attributes["nextword.model"] = f"{job.name}@{job.version}"
        is_failure = outcome in (LOST, Status.FAILED)
        trace.end(f"job {job.kind}", attributes, phases.spans(), outcome if is_failure else None)
