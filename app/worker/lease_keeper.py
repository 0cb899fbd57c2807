"""Keeping of a lease while an attempt waits for what other machines have: files, models and states."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from app.core.exceptions import DatabaseUnavailable, LeaseLost
from app.jobs.leases import Lease, LeaseStore
from app.storage.tables import Status
from app.worker.config import WorkerConfig

logger = logging.getLogger(__name__)
MIN_PAUSE_SECONDS = 0.1
"""Least time between two renewals, whatever the settings say of heartbeats."""


class LeaseKeeper:
    """Thread that renews a lease; a context manager, at whose end it stops."""

    def __init__(self, leases: LeaseStore, lease: Lease, config: WorkerConfig) -> None:
        self._leases, self._lease, self._config = leases, lease, config
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._loss: LeaseLost | None = None
        self.is_cancelling = False
        """Whether the job is to be cancelled."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LeaseLost where the lease was lost."""
        if self._loss is not None:
            raise self._loss

    def _renew(self) -> None:
        while not self._ended.wait(max(MIN_PAUSE_SECONDS, self._config.heartbeat_seconds)):
            try:
                status = self._leases.renew(self._lease, self._config.lease_seconds)
            except LeaseLost as error:
                self._loss = error
                return
            except DatabaseUnavailable as error:
                logger.warning("%s; trying again", error)
            except Exception:  # a renewal that fails must not end all others
                logger.exception("a lease could not be renewed; trying again")
            else:
                self.is_cancelling = status is Status.CANCELLING
