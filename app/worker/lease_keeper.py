"""Keeping of a lease while an attempt waits for others: `LeaseKeeper`, `keep_trying`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from app.core.background_thread import BackgroundThread
from app.core.exceptions import DatabaseUnavailable, LeaseLost
from app.jobs.leases import Lease, LeaseStore
from app.storage.tables import Status
from app.worker.config import WorkerConfig, WorkerContext
from app.worker.run_monitor import retry_while_unavailable

logger = logging.getLogger(__name__)
MIN_PAUSE_SECONDS = 0.1
"""Least time between two renewals, whatever the settings say of heartbeats."""
Result = TypeVar("Result")


class JobCancelled(Exception):
    """The job is being cancelled, which was noticed before its work began."""


def keep_trying(call: Callable[[], Result], lease: Lease, context: WorkerContext) -> Result:
    """Call while the lease is kept, until database and store answer.

    Raises LeaseLost, before the call where the lease was lost before, and JobCancelled.
    """
    leases, config = context.leases, context.config

    with LeaseKeeper(leases, lease, config) as keeper:

        def call_unless_over() -> Result:
            keeper.check()
            if keeper.is_cancelling:
                raise JobCancelled
            return call()

        retry_while_unavailable(keeper.renew, context.stop)
        result = retry_while_unavailable(call_unless_over, context.stop)
        keeper.check()
        return result


class LeaseKeeper(BackgroundThread):
    """Thread that renews a lease while a block lasts."""

    def __init__(self, leases: LeaseStore, lease: Lease, config: WorkerConfig) -> None:
        super().__init__()
        self._leases, self._lease, self._config = leases, lease, config
        self._loss: LeaseLost | None = None
        self.is_cancelling = False
        """Whether the job is to be cancelled."""

    def check(self) -> None:
        """Raise LeaseLost where the lease was lost."""
        if self._loss is not None:
            raise self._loss

    def renew(self) -> None:
        """Renew the lease now. Raises LeaseLost and DatabaseUnavailable."""
        status = self._leases.renew(self._lease, self._config.lease_seconds)
        self.is_cancelling = status is Status.CANCELLING

    def _run(self) -> None:
        while not self._ended.wait(max(MIN_PAUSE_SECONDS, self._config.heartbeat_seconds)):
            try:
                self.renew()
            except LeaseLost as error:
                self._loss = error
                return
            except DatabaseUnavailable as error:
                logger.warning("%s; trying again", error)
            except Exception:  # a renewal that fails must not end all others
                logger.exception("a lease could not be renewed; trying again")
