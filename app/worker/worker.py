"""The worker loop: claim jobs and run each, one or several at once, until told to stop.

A worker meets the service only in the database and in the folder of published models. `job_attempt` runs one job.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time

from app.core.background import BackgroundTasks
from app.core.exceptions import LeaseLost, NotFound
from app.jobs.job import Job
from app.jobs.leases import Lease
from app.jobs.store import JobStore
from app.storage import published_models
from app.storage.tables import OPEN_STATUSES
from app.worker.config import WorkerContext
from app.worker.job_attempt import JobAttempt
from app.worker.job_memory import JobMemory
from app.worker.job_trace import traced

logger = logging.getLogger(__name__)
CLEANUP_INTERVAL_SECONDS = 60.0
"""Least time between two clean-ups of leftovers, in seconds."""
UNKNOWN_JOB_SECONDS = 7 * 24 * 3600.0
"""Age at which leftovers of a job that the database does not know are removed; another database may know it."""


class Worker:
    """Worker that runs until `stop`, which a signal handler or another thread may call."""

    def __init__(self, jobs: JobStore, context: WorkerContext) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self._jobs = jobs
        self._context = context
        self._next_cleanup = 0.0
        self._cleanup_lock = threading.Lock()
        self._memory = JobMemory(context.config.memory_bytes)

    def stop(self) -> None:
        """Let the jobs at work save their states and return to the queue; then `run` returns."""
        self._context.stop.set()

    def run(self) -> None:
        """Run jobs until told to stop; while the database is unavailable, wait for it."""
        logger.info("worker %s begins", self.name)
        more = [threading.Thread(target=self._run_slot) for _ in range(self._context.config.slots - 1)]
        for thread in more:
            thread.start()
        self._run_slot()
        for thread in more:
            thread.join()
        self._context.launcher.close()
        logger.info("worker %s ends", self.name)

    def _run_slot(self) -> None:
        """Run one job after the other, until told to stop."""
        tasks = BackgroundTasks()
        tasks.repeat_until(
            self._context.stop, "jobs", lambda: self._take_turn(tasks), self._context.config.idle_seconds
        )

    def _take_turn(self, tasks: BackgroundTasks) -> None:
        """Clean up when that is due, and run jobs until none is left. Raises DatabaseUnavailable."""
        while not self._context.stop.is_set():
            tasks.attempt("clean-up", self.clean_up_when_due)  # what cannot be removed keeps no job waiting
            if not self.run_next_job():
                return

    def run_next_job(self) -> bool:
        """Claim a job and run it; False where none is there, or the next needs memory that others have.

        Raises DatabaseUnavailable.
        """
        leases, seconds = self._context.leases, self._context.config.lease_seconds
        claimed = self._memory.claim(lambda fits: leases.claim(self.name, seconds, fits))
        if claimed is None:
            return False
        try:
            self._run(*claimed)
        finally:
            self._memory.release(claimed[0])
        return True

    def _run(self, job: Job, lease: Lease) -> None:
        fields = {"job": job.id, "kind": job.kind, "attempt": job.attempt}
        logger.info("job %s: attempt %d", job.id, job.attempt, extra=fields)
        began = time.monotonic()
        attempt = JobAttempt(job, lease, self._context)
        try:
            with traced(self._context.tracing, job, attempt.phases) as trace:
                trace.status = status = attempt.run()
            ended = {"status": status.value, "seconds": round(time.monotonic() - began, 3)}
            logger.info("job %s: %s", job.id, status, extra=fields | ended)
        except LeaseLost as error:
            logger.warning("%s: left to its new holder", error)

    def clean_up_when_due(self) -> None:
        """Clean up first, and between jobs when the last time is long ago. Raises DatabaseUnavailable."""
        with self._cleanup_lock:  # of several slots, one sees to it
            if time.monotonic() >= self._next_cleanup:
                self._next_cleanup = time.monotonic() + CLEANUP_INTERVAL_SECONDS
                self.clean_up()

    def clean_up(self) -> None:
        """Remove leftovers of lost workers and of jobs cancelled in the queue. Raises DatabaseUnavailable."""
        published_models.remove_stale_staging(self._context.checkpoints)
        for job_id in self._context.workspaces.job_ids():
            try:
                finished = self._jobs.get(job_id).status not in OPEN_STATUSES
            except NotFound:  # deleted, before a suspended attempt saved its state; or of another database
                finished = self._context.workspaces.changed_at(job_id) < time.time() - UNKNOWN_JOB_SECONDS
            if finished:
                self._context.workspaces.clear(job_id)
