"""A worker: claims jobs one after another and sees to each, until it is told to stop.

Knows the queue. What it takes to see to a job is in `attempt`. It needs no web server: it meets the service in the
database and in the folder of models, nowhere else.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time

from app.core.exceptions import DatabaseUnavailable, LeaseLost, NotThere
from app.jobs.store import JobStore
from app.storage import published_models
from app.storage.tables import OPEN
from app.worker.config import Surroundings
from app.worker.job_attempt import Attempt
from app.worker.run_monitor import RETRY_SECONDS

logger = logging.getLogger(__name__)
TIDY_SECONDS = 60.0
"""Between two looks at what others have left behind, at the least."""


class Worker:
    """One worker: `run` until `stop`, which a signal handler or another thread may call."""

    def __init__(self, jobs: JobStore, around: Surroundings) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self._jobs = jobs
        self._around = around
        self._next_tidy = 0.0

    def stop(self) -> None:
        """Let the job in hand save its state and go back to the queue; then `run` returns."""
        self._around.stop.set()

    def run(self) -> None:
        """Work until told to stop; a database that does not answer is waited for."""
        logger.info("worker %s begins", self.name)
        stop = self._around.stop
        while not stop.is_set():
            try:
                self.tidy_now_and_then()
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

    def tidy_now_and_then(self) -> None:
        """Tidy first of all, and then between two jobs when it was long ago. Raises DatabaseUnavailable."""
        if time.monotonic() >= self._next_tidy:
            self.tidy()
            self._next_tidy = time.monotonic() + TIDY_SECONDS

    def tidy(self) -> None:
        """Remove what lost workers, and jobs cancelled in the queue, have left behind. Raises DatabaseUnavailable."""
        published_models.sweep(self._around.checkpoints)
        for job_id in self._around.workspaces.jobs():
            try:
                over = self._jobs.get(job_id).status not in OPEN
            except NotThere:  # another database's
                over = False
            if over:
                self._around.workspaces.clear(job_id)
