"""Sharing of the states that a job's work saves: each goes to the object store as soon as it is there."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from app.core.exceptions import StoreUnavailable
from app.storage.replication.shared_states import SharedStates
from app.worker.reporter import METRICS_FILE
from models.neural.training.config import STATE_FILE

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
"""Pause between two looks for a new state."""
RETRY_SECONDS = 5.0
"""Pause after the store did not answer; the newest state is tried again then."""


class StateSharing:
    """Thread that puts the states of one attempt into the store; a context manager, at whose end it stops.

    The state is linked first and put last: the metrics that are put in between cover it, even if the work goes on. So
    whoever fetches state and then metrics has metrics of all steps up to the state.
    """

    def __init__(self, shared: SharedStates, job_id: str, lease: int, workdir: Path) -> None:
        self._shared, self._job_id, self._lease, self._workdir = shared, job_id, lease, workdir
        self._put_last: tuple[int, int] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def finish(self) -> None:
        """Put the last state, of work that stopped before its end."""
        self._ended.set()
        self._thread.join()
        self._put_if_new()

    def _watch(self) -> None:
        pause = LOOK_SECONDS
        while not self._ended.wait(pause):
            pause = LOOK_SECONDS if self._put_if_new() else RETRY_SECONDS

    def _put_if_new(self) -> bool:
        """Put the state, if it is another than that last put; False where the store does not answer."""
        newest = self._newest()
        if newest is None or newest == self._put_last:
            return True
        try:
            self._put()
        except (OSError, StoreUnavailable) as error:
            logger.warning("job %s: its state is not in the object store: %s", self._job_id, error)
            return False
        self._put_last = newest
        return True

    def _put(self) -> None:
        hidden = self._workdir / f".{STATE_FILE}.shared"
        hidden.unlink(missing_ok=True)
        os.link(self._workdir / STATE_FILE, hidden)
        try:
            with suppress(FileNotFoundError):  # a state before the first measurement
                self._put_file(METRICS_FILE, self._workdir / METRICS_FILE)
            self._put_file(STATE_FILE, hidden)
        finally:
            hidden.unlink(missing_ok=True)

    def _put_file(self, name: str, path: Path) -> None:
        self._shared.put(self._job_id, self._lease, name, path)

    def _newest(self) -> tuple[int, int] | None:
        """Return what tells the state from others, None where there is none."""
        with suppress(FileNotFoundError):
            found = (self._workdir / STATE_FILE).stat()
            return found.st_ino, found.st_mtime_ns
        return None
