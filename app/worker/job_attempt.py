"""One attempt at a job just claimed: whatever is left to do for it, up to a final status or back into the queue.

Knows what each end of the work means for the job, and when a model is published. It does not know how jobs are
found, how reports travel, or where the work runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from app.core.exceptions import NotThere
from app.jobs.leases import Lease
from app.jobs.store import Job
from app.storage import published_models
from app.storage.tables import Status
from app.worker.config import Surroundings
from app.worker.run_monitor import Watch, insist
from app.worker.run_protocol import Done, End, Failed, Input, Lost, Order, Run
from models.errors import CheckpointExists

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Attempt:
    """An attempt at `job` under `lease`. Whatever it does raises LeaseLost once another worker has the job."""

    def __init__(self, job: Job, lease: Lease, around: Surroundings) -> None:
        self._job, self._lease, self._around = job, lease, around

    def make(self) -> Status:
        """See the job to an end; its status then.

        Raises LeaseLost, and DatabaseUnavailable when told to stop while the database does not answer.
        """
        status = self._settle()
        if status is not Status.QUEUED:
            self._around.workspaces.clear(self._job.id)
        return status

    def _settle(self) -> Status:
        job = self._job
        self._around.workspaces.fence(job.id, self._lease.number)
        if job.version is not None and published_models.is_published(*self._target(job.version), job.id):
            return self._succeed(job.version)
        if job.status is Status.CANCELLING:
            return self._cancelled()
        if job.attempt > self._around.pace.attempts:
            return self._fail("worker_lost", f"its worker was lost {job.attempt - 1} times")
        try:
            run = self._start()
        except (OSError, NotThere) as error:
            return self._fail("not_started", f"the work could not be started: {error}")
        watch = Watch(self._around.leases, self._lease, run, self._around.pace, self._around.stop)
        end = watch.until_end()
        return self._cancelled() if watch.cancelled else self._conclude(end)

    def _start(self) -> Run:
        job, number, around = self._job, self._lease.number, self._around
        around.workspaces.prepare(job.id, number)
        return around.launcher.start(
            Order(
                job_id=job.id,
                request=job.request,
                workdir=str(around.workspaces.workdir(job.id, number)),
                staging=str(around.workspaces.staging(job.id, number)),
                checkpoints=str(around.checkpoints),
                threads=around.pace.threads,
                save_seconds=around.pace.save_seconds,
                training=self._input(job.training_file),
                validation=self._input(job.validation_file),
            )
        )

    def _input(self, file_id: str | None) -> Input | None:
        if file_id is None:
            return None
        return Input(str(self._around.files.path(file_id)), self._around.files.get(file_id).filename)

    def _conclude(self, end: End) -> Status:
        """Write what came of the work."""
        match end:
            case Done(staged=None, result=result):
                self._insist(lambda: self._around.leases.succeed(self._lease, result))
                return Status.SUCCEEDED
            case Done(staged=str() as staged):
                return self._publish(Path(staged))
            case Failed(code, message):
                return self._fail(code, message)
            case Lost(reason) if self._job.attempt >= self._around.pace.attempts:
                return self._fail("worker_lost", f"{reason}; that was attempt {self._job.attempt}")
        lost = end.reason if isinstance(end, Lost) else None
        return self._insist(lambda: self._around.leases.release(self._lease, lost=lost))

    def _publish(self, staged: Path) -> Status:
        """Publish the staged model, unless a cancel came first."""
        assert self._job.version is not None
        if not self._insist(lambda: self._around.leases.publish(self._lease)):
            return self._cancelled()
        version = self._job.version
        while True:
            try:
                published_models.publish(staged, *self._target(version), self._job.id)
            except CheckpointExists as error:
                version = self._renumber()
                logger.warning("%s: job %s publishes version %d instead", error, self._job.id, version)
            except OSError as error:
                return self._fail("not_published", f"the model could not be published: {error}")
            else:
                return self._succeed(version)

    def _renumber(self) -> int:
        root, name, _ = self._target(0)
        return self._insist(lambda: self._around.leases.renumber(self._lease, published_models.newest(root, name)))

    def _target(self, version: int) -> tuple[Path, str, int]:
        assert self._job.name is not None
        return self._around.checkpoints, self._job.name, version

    def _succeed(self, version: int) -> Status:
        found = published_models.result(*self._target(version))
        self._insist(lambda: self._around.leases.succeed(self._lease, found))
        return Status.SUCCEEDED

    def _fail(self, code: str, message: str) -> Status:
        self._insist(lambda: self._around.leases.fail(self._lease, code, message))
        return Status.FAILED

    def _cancelled(self) -> Status:
        self._insist(lambda: self._around.leases.cancelled(self._lease))
        return Status.CANCELLED

    def _insist(self, call: Callable[[], Result]) -> Result:
        return insist(call, self._around.stop)
