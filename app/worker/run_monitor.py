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
from app.worker.config import Pace
from app.worker.run_protocol import Data, End, Lost, Measured, Message, Reported, Resumed, Run, Stopped

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
POLL_SECONDS = 0.1
"""How long to wait for a report before looking at everything else again."""
RETRY_SECONDS = 0.5
"""Between two tries at a database that is not available."""


def insist(call: Callable[[], Result], stop: threading.Event) -> Result:
    """What `call` returns once the database answers; raises DatabaseUnavailable only when `stop` is set."""
    while True:
        try:
            return call()
        except DatabaseUnavailable as error:
            if stop.is_set():
                raise
            logger.warning("%s; trying again", error)
            stop.wait(RETRY_SECONDS)


class Watch:
    """Watches one run until it ends."""

    def __init__(self, leases: LeaseStore, lease: Lease, run: Run, pace: Pace, stop: threading.Event) -> None:
        """`stop` set from outside has the work save its state and stop."""
        self._leases, self._lease, self._run, self._pace, self._stop = leases, lease, run, pace, stop
        self._progress: Data | None = None
        self._metrics: dict[int, dict[str, float | None]] = {}
        self._rewind: int | None = None
        self._next_beat = 0.0
        self._told_to_stop = False
        self.cancelled = False
        """Whether the work was stopped because the job is being cancelled."""

    def until_end(self) -> End:
        """How the work ended, everything it reported being stored.

        Raises LeaseLost, and DatabaseUnavailable when told to stop while the database does not answer; the work is
        then killed.
        """
        try:
            end = self._watched()
        except BaseException:
            _abandon(self._run)
            raise
        insist(self._store, self._stop)
        stopped = self._told_to_stop and isinstance(end, Lost)  # it took too long to save its state
        return Stopped() if stopped else end

    def _watched(self) -> End:
        while (end := self._read(self._run.poll(POLL_SECONDS))) is None:
            self._beat()
            if self._stop.is_set() and not self._told_to_stop:
                self._told_to_stop = True
                self._run.stop(self._pace.stop_seconds)
        return end

    def _read(self, messages: list[Message]) -> End | None:
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

    def _beat(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + self._pace.heartbeat_seconds
        try:
            self._store()
        except DatabaseUnavailable as error:
            logger.warning("%s; the work goes on", error)

    def _store(self) -> None:
        """Renew the lease with all that was reported since the last time."""
        seconds = self._pace.lease_seconds
        status = self._leases.renew(self._lease, seconds, self._progress, self._metrics, self._rewind)
        self._progress, self._metrics, self._rewind = None, {}, None
        if status is Status.CANCELLING and not self.cancelled:
            self.cancelled = True
            self._run.stop(0)


def _abandon(run: Run) -> None:
    """Kill the work and wait until it is gone."""
    run.stop(0)
    while not any(isinstance(message, End) for message in run.poll(POLL_SECONDS)):
        pass
