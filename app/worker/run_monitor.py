"""Monitoring of a run: its reports go to the database with each heartbeat, and a cancel comes back.

While the database is unavailable the work goes on and the monitor retries: if the lease is lost meanwhile, the first
successful call says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from app.core.exceptions import DatabaseUnavailable, LeaseLost, StoreUnavailable
from app.core.traces.tracing import Phases
from app.jobs.leases import Lease, LeaseStore
from app.jobs.outlook import LOW_PROCESSOR_SHARE, NOT_BEGUN
from app.storage.tables import Status
from app.worker.config import WorkerConfig
from app.worker.processor_share import ProcessorShare, correct_seconds_left
from app.worker.run_protocol import End, JobRun, JsonObject, Lost, Measured, Message, Reported, Resumed, Stopped

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
POLL_SECONDS = 0.1
"""Longest wait for a report before heartbeat and stop signal are checked again."""
RETRY_SECONDS = 0.5
"""Pause between two tries while the database is unavailable."""


def retry_while_unavailable(call: Callable[[], Result], stop: threading.Event) -> Result:
    """Repeat `call` until database and object store answer.

    Raises DatabaseUnavailable and StoreUnavailable only when `stop` is set.
    """
    while True:
        try:
            return call()
        except (DatabaseUnavailable, StoreUnavailable) as error:
            if stop.is_set():
                raise
            logger.warning("%s; trying again", error)
            stop.wait(RETRY_SECONDS)


class RunMonitor:
    """Monitor of one run until its end."""

    def __init__(
        self,
        leases: LeaseStore,
        lease: Lease,
        run: JobRun,
        config: WorkerConfig,
        stop: threading.Event,
        phases: Phases,
    ) -> None:
        """Setting `stop` makes the work save its state and stop; `phases` are told which the work reports."""
        self._leases, self._lease, self._run, self._config, self._stop = leases, lease, run, config, stop
        self._began = time.monotonic()
        self._progress, self._progress_at = NOT_BEGUN, self._began
        self._stored_progress: JsonObject | None = None
        self._processor = ProcessorShare()
        self._metrics: dict[int, dict[str, float | None]] = {}
        self._resume_step: int | None = None
        self._next_heartbeat = 0.0
        self._stop_requested = False
        self._phases = phases
        self.cancelled = False
        """Whether the work was stopped because the job is being cancelled."""

    def wait_for_end(self) -> End:
        """Wait until the work ends and store all its reports; returns how it ended.

        Kills the work and raises LeaseLost, or DatabaseUnavailable when told to stop while the database is away.
        """
        try:
            end = self._poll_until_end()
        except BaseException:
            _kill(self._run)
            raise
        retry_while_unavailable(self._renew_lease, self._stop)
        stopped = self._stop_requested and isinstance(end, Lost)  # saving its state took too long
        return Stopped() if stopped else end

    def _poll_until_end(self) -> End:
        while (end := self._receive(self._run.poll(POLL_SECONDS))) is None:
            self._heartbeat()
            if self._stop.is_set() and not self._stop_requested:
                self._stop_requested = True
                self._run.stop(self._config.stop_seconds)
        return end

    def _receive(self, messages: list[Message]) -> End | None:
        for message in messages:
            match message:
                case Reported(progress):
                    self._progress, self._progress_at = progress, time.monotonic()
                    self._phases.enter(str(progress.get("phase")))
                case Measured(step, values):
                    self._metrics[step] = values
                case Resumed(step):
                    self._resume_step = step
                case _:
                    return message
        return None

    def _heartbeat(self) -> None:
        if time.monotonic() < self._next_heartbeat:
            return
        self._next_heartbeat = time.monotonic() + self._config.heartbeat_seconds
        try:
            self._renew_lease()
        except LeaseLost:
            raise
        except DatabaseUnavailable as error:
            logger.warning("%s; the work goes on", error)
        except Exception:  # a report that cannot be stored must not cost the work
            logger.exception("a heartbeat failed; the work goes on")

    def _renew_lease(self) -> None:
        """Renew the lease and store all reports since the last time."""
        seconds, progress = self._config.lease_seconds, self._present_progress()
        news = None if progress == self._stored_progress else progress
        status = self._leases.renew(self._lease, seconds, news, self._metrics, self._resume_step)
        self._stored_progress, self._metrics, self._resume_step = progress, {}, None
        if status is Status.CANCELLING and not self.cancelled:
            self.cancelled = True
            self._run.stop(0)

    def _present_progress(self) -> JsonObject:
        """Return the last report as of now: work that waits for the processor cannot say so itself."""
        now, progress = time.monotonic(), self._progress
        left, age = progress.get("seconds_left"), now - self._progress_at
        if left is not None and age > self._config.heartbeat_seconds:
            progress = progress | {"seconds_left": correct_seconds_left(left, age, self._progress_at - self._began)}
        share = self._processor.measure(now, self._run.processor_seconds())
        if share is not None and share < LOW_PROCESSOR_SHARE:
            progress = progress | {"processor_share": round(share, 2)}
        return progress


def _kill(run: JobRun) -> None:
    """Kill the work and wait for its end."""
    run.stop(0)
    while not any(isinstance(message, End) for message in run.poll(POLL_SECONDS)):
        pass
