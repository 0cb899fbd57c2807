"""Attempt at a claimed job: run its work and record the outcome, or put it back into the queue.

Decides what each end of the work means for the job; `publication` publishes its model. An attempt after a crash first
looks whether the one before had already published.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from app.core.exceptions import DiskFull, NotFound
from app.core.traces.tracing import Phases
from app.jobs.job import Job
from app.jobs.leases import Lease
from app.storage.files.file_store import ResultDigest
from app.storage.tables import Status
from app.worker.config import WorkerContext
from app.worker.gathering import gather
from app.worker.lease_keeper import JobCancelled, LeaseKeeper
from app.worker.publication import Publication
from app.worker.run_monitor import RunMonitor, retry_while_unavailable
from app.worker.run_protocol import Done, End, Failed, InputFile, JobRun, JsonObject, Lost, OutputFile, RunSpec, Stopped
from models.errors import CheckpointError

Result = TypeVar("Result")


class JobAttempt:
    """Attempt at `job` under `lease`; its methods raise LeaseLost once another worker has claimed the job."""

    def __init__(self, job: Job, lease: Lease, context: WorkerContext) -> None:
        self._job, self._lease, self._context = job, lease, context
        self._publication = None if job.version is None else Publication(job, lease, context)
        self._may_be_publishing = job.publishing
        """Whether this attempt or an earlier one has begun to publish."""
        self.phases = Phases()
        """What was done so far, for traces."""

    def run(self) -> Status:
        """Run the job and return its new status.

        Raises LeaseLost, and DatabaseUnavailable or StoreUnavailable when told to stop while database or object store
        do not answer.
        """
        self.phases.enter("starting")
        try:
            status = self._run_to_status()
        except JobCancelled:
            status = self._confirm_cancelled()
        if status is not Status.QUEUED:
            self._context.workspaces.clear(self._job.id)
        return status

    def _run_to_status(self) -> Status:
        job = self._job
        self._context.workspaces.fence(job.id, self._lease.fencing_token)
        if self._publication is not None and (result := self._publication.find()) is not None:
            return self._succeed(result)
        if job.status is Status.CANCELLING:
            return self._confirm_cancelled()
        if job.attempt > self._context.config.max_attempts:
            return self._fail("worker_lost", f"its worker was lost {job.attempt - 1} times")
        try:
            run = self._start()
        except (OSError, NotFound, DiskFull, CheckpointError) as error:
            return self._fail("not_started", f"the work could not be started: {error}")
        context = self._context
        monitor = RunMonitor(context.leases, self._lease, run, context.config, context.stop, self.phases)
        end = self._wait_for_end(monitor)
        return self._confirm_cancelled() if monitor.cancelled else self._record_end(end)

    def _wait_for_end(self, monitor: RunMonitor) -> End:
        """Wait for the end of the work, and of putting its states into the object store."""
        context = self._context
        with ExitStack() as sharing:
            states = context.workspaces.sharing(self._job.id, self._lease.fencing_token)
            share_last_state = sharing.enter_context(states)
            end = monitor.wait_for_end()
            with LeaseKeeper(context.leases, self._lease, context.config):  # a state may be large, and the store slow
                if isinstance(end, Stopped | Lost) and not monitor.cancelled:
                    share_last_state()
                sharing.close()
        return end

    def _start(self) -> JobRun:
        job, token, context = self._job, self._lease.fencing_token, self._context
        gather(job, self._lease, context)
        return context.launcher.start(
            RunSpec(
                job_id=job.id,
                request=job.request,
                workdir=str(context.workspaces.workdir(job.id, token)),
                staging=str(context.workspaces.staging(job.id, token)),
                checkpoints=str(context.checkpoints.absolute()),
                threads=context.config.threads,
                save_seconds=context.config.save_seconds,
                memory_bytes=job.estimate.get("memory_bytes"),
                training=None if job.training_file is None else self._input_file(job.training_file),
                validation=None if job.validation_file is None else self._input_file(job.validation_file),
                log_level=context.config.log_level,
                log_format=context.config.log_format,
                more_files={name: self._input_file(file_id) for name, file_id in (job.more_files or {}).items()},
            )
        )

    def _input_file(self, file_id: str) -> InputFile:
        return InputFile(str(self._context.files.path(file_id).absolute()), self._context.files.get(file_id).filename)

    def _record_end(self, end: End) -> Status:
        """Record the end of the work; returns the new status."""
        match end:
            case Done(staged=None, files=[_, *_]):
                return self._keep_files(end)
            case Done(staged=None, result=result):
                return self._succeed(result)
            case Done(staged=str() as staged):
                return self._publish(Path(staged))
            case Failed(code, message):
                return self._fail(code, message)
            case Lost(reason) if self._job.attempt >= self._context.config.max_attempts:
                return self._fail("worker_lost", f"{reason}; that was attempt {self._job.attempt}")
        lost = end.reason if isinstance(end, Lost) else None
        return self._retry(lambda: self._context.leases.release(self._lease, lost=lost))

    def _keep_files(self, done: Done) -> Status:
        """Store the files that the work made, unless a cancel came before; returns the new status."""
        if not self._begin_publishing():
            return self._confirm_cancelled()
        try:
            with LeaseKeeper(self._context.leases, self._lease, self._context.config):
                files = [self._store(file) for file in done.files]
        except (OSError, DiskFull) as error:
            return self._fail("not_published", f"the files could not be stored: {error}")
        return self._succeed(done.result | {"files": files})

    def _store(self, file: OutputFile) -> JsonObject:
        files, digest = self._context.files, ResultDigest(file.sha256, file.bytes, file.content_bytes)
        job_id, token = self._job.id, self._lease.fencing_token
        stored = self._retry(lambda: files.store_result(Path(file.path), file.name, digest, job_id, token))
        return {"id": stored.id, "bucket": file.bucket, "filename": file.name, "bytes": file.bytes}

    def _publish(self, staged: Path) -> Status:
        """Publish the staged model, unless a cancel came before; returns the new status."""
        assert self._publication is not None
        if not self._begin_publishing():
            return self._confirm_cancelled()
        try:
            return self._succeed(self._publication.publish(staged))
        except (OSError, DiskFull, CheckpointError) as error:
            return self._fail("not_published", f"the model could not be published: {error}")

    def _begin_publishing(self) -> bool:
        """Begin to publish; False where a cancel came before."""
        self._may_be_publishing = self._retry(lambda: self._context.leases.begin_publishing(self._lease))
        if self._may_be_publishing:
            self.phases.enter("publishing")
        return self._may_be_publishing

    def _succeed(self, result: JsonObject) -> Status:
        self._retry(lambda: self._context.leases.succeed(self._lease, result))
        return Status.SUCCEEDED

    def _fail(self, code: str, message: str) -> Status:
        """Record the failure, unless an attempt at another machine has published the model."""
        if self._publication is not None and self._may_be_publishing:
            result = self._publication.give_up()
            if result is not None:
                return self._succeed(result)
        self._retry(lambda: self._context.leases.fail(self._lease, code, message))
        return Status.FAILED

    def _confirm_cancelled(self) -> Status:
        self._retry(lambda: self._context.leases.confirm_cancelled(self._lease))
        return Status.CANCELLED

    def _retry(self, call: Callable[[], Result]) -> Result:
        return retry_while_unavailable(call, self._context.stop)
