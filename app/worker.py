"""A worker: claims jobs one after another and sees to each, until it is told to stop.

Knows the queue. What it takes to see to a job is in `attempt`. It needs no web server: it meets the service in the
database and in the folder of models, nowhere else.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket

from app.attempt import Attempt, Surroundings
from app.job_errors import DatabaseUnavailable, LeaseLost, NotThere
from app.jobs import OPEN, JobStore
from app.watch import RETRY_SECONDS

logger = logging.getLogger(__name__)


class Worker:
    """One worker: `run` until `stop`, which a signal handler or another thread may call."""

    def __init__(self, jobs: JobStore, around: Surroundings) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self._jobs = jobs
        self._around = around

    def stop(self) -> None:
        """Let the job in hand save its state and go back to the queue; then `run` returns."""
        self._around.stop.set()

    def run(self) -> None:
        """Work until told to stop; a database that does not answer is waited for."""
        logger.info("worker %s begins", self.name)
        stop, tidied = self._around.stop, False
        while not stop.is_set():
            try:
                tidied = tidied or self.tidy()
                if not self.work():
                    stop.wait(self._around.pace.idle_seconds)
            except DatabaseUnavailable as error:
                logger.warning("%s; trying again", error)
                stop.wait(RETRY_SECONDS)
        logger.info("worker %s ends", self.name)

    def work(self) -> bool:
        """Claim a job and see to it; False where there is none. Raises DatabaseUnavailable."""
        claimed = self._around.leases.claim(self.name, self._around.pace.lease_seconds)
        if claimed is None:
            return False
        job, lease = claimed
        logger.info("job %s: attempt %d", job.id, job.attempt)
        try:
            logger.info("job %s: %s", job.id, Attempt(job, lease, self._around).make())
        except LeaseLost as error:
            logger.warning("%s: left to its new holder", error)
        return True

    def tidy(self) -> bool:
        """Remove what jobs that are over have left behind, whose workers were lost. Raises DatabaseUnavailable."""
        for job_id in self._around.workspaces.jobs():
            try:
                over = self._jobs.get(job_id).status not in OPEN
            except NotThere:  # another database's
                over = False
            if over:
                self._around.workspaces.clear(job_id)
        return True
