"""Sharing of what a job's work saves: each state, or block, goes to the object store at once."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from app.core.background_thread import BackgroundThread
from app.core.exceptions import StoreUnavailable
from app.storage.replication.shared_states import SharedStates
from app.worker.run_protocol import BLOCKS_FOLDER, METRICS_FILE
from models.neural.training.config import STATE_FILE
from models.selection.config import MANIFEST

logger = logging.getLogger(__name__)
Mark: TypeAlias = tuple[int, int, int]
"""Inode, size in bytes and time of change in nanoseconds of a file."""
LOOK_SECONDS = 0.5
"""Pause between two looks for a new state."""
RETRY_SECONDS = 5.0
"""Pause after the store did not answer; the newest state is tried again then."""


class StateSharing(BackgroundThread):
    """Thread that puts the states of one attempt into the store while a block lasts.

    The state is linked first and put last: the metrics that are put in between cover it, even if the work goes on. So
    whoever fetches state and then metrics has metrics of all steps up to the state. Likewise the manifest of blocks of
    records is copied first and put last, and what it names is there already.
    """

    def __init__(self, shared: SharedStates, job_id: str, lease: int, workdir: Path) -> None:
        super().__init__()
        self._shared, self._job_id, self._lease, self._workdir = shared, job_id, lease, workdir
        self._put_last: dict[Path, Mark] = {}
        self._blocks_put: set[str] = set()

    def finish(self) -> None:
        """Put the last state, of work that stopped before its end."""
        self._end()
        self._put_if_new()

    def _run(self) -> None:
        pause = LOOK_SECONDS
        while not self._ended.wait(pause):
            pause = LOOK_SECONDS if self._put_if_new() else RETRY_SECONDS

    def _put_if_new(self) -> bool:
        """Put what is another than that last put; False where the store does not answer."""
        try:
            for file, put in ((STATE_FILE, self._put_state), (f"{BLOCKS_FOLDER}/{MANIFEST}", self._put_blocks)):
                path = self._workdir / file
                newest = _mark(path)
                if newest is not None and newest != self._put_last.get(path):
                    put()
                    self._put_last[path] = newest
        except (OSError, StoreUnavailable) as error:
            logger.warning("job %s: its state is not in the object store: %s", self._job_id, error)
            return False
        return True

    def _put_state(self) -> None:
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

    def _put_blocks(self) -> None:
        blocks, hidden = self._workdir / BLOCKS_FOLDER, self._workdir / f".{MANIFEST}.shared"
        shutil.copyfile(blocks / MANIFEST, hidden)
        for block in sorted(blocks.iterdir()):
            if not (block.name == MANIFEST or block.name.startswith(".") or block.name in self._blocks_put):
                self._put_file(f"{BLOCKS_FOLDER}/{block.name}", block)
                self._blocks_put.add(block.name)
        self._put_file(f"{BLOCKS_FOLDER}/{MANIFEST}", hidden)


def _mark(path: Path) -> Mark | None:
    """Return what tells a file from earlier ones, None where there is none."""
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None
