"""Gathering of what an attempt at a job needs of other machines, from the store that they share.

The lease is kept meanwhile, as files may be large and the store may not answer for some time.
"""

from __future__ import annotations

import time

from app.jobs.job import Job, models_in
from app.jobs.leases import Lease
from app.worker.config import WorkerContext
from app.worker.lease_keeper import keep_trying

MODEL_SECONDS = 60.0
"""How long a model is waited for that the machine which has it has not put into the store yet."""


def gather(job: Job, lease: Lease, context: WorkerContext) -> None:
    """Make the working directory, and fetch into this machine's folders what the job needs.

    Waits while the store does not answer. Raises LeaseLost, JobCancelled, and what fetching raises that no waiting
    mends: NotFound, CheckpointError, DiskFull and OSError.
    """
    models = context.shared_models
    if models is None:
        context.workspaces.prepare(job.id, lease.fencing_token)
        return
    deadline = time.monotonic() + MODEL_SECONDS

    def fetch() -> None:
        if time.monotonic() < deadline:  # afterwards the work says which model is missing
            models.fetch(models_in(job.request))
        for file_id in _files_of(job):
            context.files.path(file_id)
        context.workspaces.prepare(job.id, lease.fencing_token)

    keep_trying(fetch, lease, context)


def _files_of(job: Job) -> list[str]:
    """Return the ids of the files that a job needs."""
    ids = (job.training_file, job.validation_file, *(job.more_files or {}).values())
    return [file_id for file_id in ids if file_id is not None]
