"""Directories of attempts at jobs: a working directory and a staging directory per lease.

Each attempt has its own, so that one that was taken for lost cannot write into its successor's. A new attempt adopts
the newest training state of an earlier one; that of another machine comes from the object store.
"""

from __future__ import annotations

import logging
import math
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.exceptions import StoreUnavailable
from app.storage.replication.shared_states import SharedStates
from app.worker.run_protocol import BLOCKS_FOLDER
from app.worker.saved.adoption import adopt_blocks, adopt_state, fetch_blocks, fetch_state
from app.worker.saved.state_sharing import StateSharing
from models.neural.training.config import STATE_FILE

logger = logging.getLogger(__name__)


class Workspaces:
    """Directories of all jobs: working ones under `data`, staging ones beside the published models."""

    def __init__(self, data: Path, checkpoints: Path, shared: SharedStates | None = None) -> None:
        """`shared`: the states in an object store, of all machines."""
        self._work = (data / "jobs").resolve()
        self._staging = (checkpoints / ".jobs").resolve()
        self._shared = shared

    def workdir(self, job_id: str, lease: int) -> Path:
        """Return the directory in which the attempt under this lease keeps its state."""
        return self._work / job_id / str(lease)

    def staging(self, job_id: str, lease: int) -> Path:
        """Return the directory for its finished model, one rename away from the published ones."""
        return self._staging / job_id / str(lease)

    def prepare(self, job_id: str, lease: int) -> None:
        """Create the working directory, with the newest state that an earlier attempt saved, if any.

        Raises StoreUnavailable, and may then be called again.
        """
        workdir = self.workdir(job_id, lease)
        workdir.mkdir(parents=True, exist_ok=True)
        if (workdir / STATE_FILE).exists() or (workdir / BLOCKS_FOLDER).exists():
            return
        shared = self._shared.leases(job_id) if self._shared else []
        for earlier in sorted({*_leases_in(self._work / job_id), *shared}, reverse=True):
            source = self.workdir(job_id, earlier)
            if earlier < lease and (adopt_state(source, workdir) or adopt_blocks(source, workdir)):
                return
            if earlier < lease and self._shared and self._fetch(self._shared, job_id, earlier, workdir):
                return

    def _fetch(self, shared: SharedStates, job_id: str, lease: int, workdir: Path) -> bool:
        """Fetch what an attempt at another machine has saved; False where that is nothing."""
        return fetch_state(shared, job_id, lease, workdir) or fetch_blocks(shared, job_id, lease, workdir)

    @contextmanager
    def sharing(self, job_id: str, lease: int) -> Iterator[Callable[[], None]]:
        """Put each state that an attempt saves into the object store, if any; yields a call for the last."""
        if self._shared is None:
            yield lambda: None
        else:
            with StateSharing(self._shared, job_id, lease, self.workdir(job_id, lease)) as sharing:
                yield sharing.finish

    def fence(self, job_id: str, lease: float) -> None:
        """Remove the staged models of earlier attempts, so that none of them can still publish one."""
        staging = self._staging / job_id
        for earlier in _leases_in(staging):
            if earlier < lease:
                # Renamed first, so that a directory being removed cannot be published in part.
                with suppress(FileNotFoundError):
                    (staging / str(earlier)).rename(staging / f".{earlier}-{secrets.token_hex(6)}")
        for hidden in staging.glob(".*"):
            shutil.rmtree(hidden, ignore_errors=True)

    def clear(self, job_id: str) -> None:
        """Remove all directories of a job, and its states in the object store.

        Where that does not answer, they stay there until the next clean-up.
        """
        self.fence(job_id, math.inf)
        for directory in (self._work / job_id, self._staging / job_id):
            shutil.rmtree(directory, ignore_errors=True)
        try:
            if self._shared is not None:
                self._shared.clear(job_id)
        except StoreUnavailable as error:
            logger.warning("job %s: its saved states stay in the object store: %s", job_id, error)

    def changed_at(self, job_id: str) -> float:
        """Return when anything of a job was last written, in seconds since 1970; 0 where there is nothing.

        Raises StoreUnavailable.
        """
        here = (path for parent in (self._work, self._staging) for path in (parent / job_id).rglob("*"))
        newest = self._shared.changed_at(job_id) if self._shared else 0.0
        try:
            return max([newest, *(path.lstat().st_mtime for path in here)])
        except FileNotFoundError:  # somebody removes some of it at this moment
            return time.time()

    def job_ids(self) -> set[str]:
        """Return the ids of jobs with directories, or states in the object store. Raises StoreUnavailable."""
        places = [parent for parent in (self._work, self._staging) if parent.exists()]
        shared = self._shared.job_ids() if self._shared else set()
        return shared | {path.name for parent in places for path in parent.iterdir()}


def _leases_in(directory: Path) -> list[int]:
    """Return the leases that have a directory in `directory`, oldest first."""
    names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return sorted(int(name) for name in names if name.isdecimal())
