"""Watching over work under way: its reports go into the database with each heartbeat, and a cancel comes back.

Knows one run and one lease. A database that does not answer is waited for while the work goes on: nothing is lost but
time, and if the lease is lost meanwhile, the store says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from app.core.exceptions import DatabaseUnavailable
from app.jobs.leases import Lease, LeaseStore
from app.storage.tables import Status
from app.worker.config import WorkerConfig
from app.worker.run_protocol import End, JsonObject, Lost, Measured, Message, Reported, Resumed, Run, Stopped

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
POLL_SECONDS = 0.1
"""How long to wait for a report before looking at everything else again."""
RETRY_SECONDS = 0.5
"""Between two tries at a database that is not available."""


def retry_while_unavailable(call: Callable[[], Result], stop: threading.Event) -> Result:
    """What `call` returns once the database answers; raises DatabaseUnavailable only when `stop` is set."""
    while True:
        try:
            return call()
        except DatabaseUnavailable as error:
            if stop.is_set():
                raise
            logger.warning("%s; trying again", error)
            stop.wait(RETRY_SECONDS)


class RunMonitor:
    """Watches one run until it ends."""

    def __init__(self, leases: LeaseStore, lease: Lease, run: Run, pace: WorkerConfig, stop: threading.Event) -> None:
        """`stop` set from outside has the work save its state and stop."""
        self._leases, self._lease, self._run, self._config, self._stop = leases, lease, run, pace, stop
        self._progress: JsonObject | None = None
        self._metrics: dict[int, dict[str, float | None]] = {}
        self._rewind: int | None = None
        self._next_heartbeat = 0.0
        self._stop_requested = False
        self.cancelled = False
        """Whether the work was stopped because the job is being cancelled."""

    def wait_for_end(self) -> End:
        """How the work ended, everything it reported being stored.

        Raises LeaseLost, and DatabaseUnavailable when told to stop while the database does not answer; the work is
        then killed.
        """
        try:
            end = self._poll_until_end()
        except BaseException:
            _kill(self._run)
            raise
        retry_while_unavailable(self._renew_lease, self._stop)
        stopped = self._stop_requested and isinstance(end, Lost)  # it took too long to save its state
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
                    self._progress = progress
                case Measured(step, values):
                    self._metrics[step] = values
                case Resumed(step):
                    self._rewind = step
                case _:
                    return message
        return None

    def _heartbeat(self) -> None:
        if time.monotonic() < self._next_heartbeat:
            return
        self._next_heartbeat = time.monotonic() + self._config.heartbeat_seconds
        try:
            self._renew_lease()
        except DatabaseUnavailable as error:
            logger.warning("%s; the work goes on", error)

    def _renew_lease(self) -> None:
        """Renew the lease with all that was reported since the last time."""
        seconds = self._config.lease_seconds
        status = self._leases.renew(self._lease, seconds, self._progress, self._metrics, self._rewind)
        self._progress, self._metrics, self._rewind = None, {}, None
        if status is Status.CANCELLING and not self.cancelled:
            self.cancelled = True
            self._run.stop(0)


def _kill(run: Run) -> None:
    """Kill the work and wait until it is gone."""
    run.stop(0)
    while not any(isinstance(message, End) for message in run.poll(POLL_SECONDS)):
        pass
