"""Directories of attempts at jobs: a working directory and a staging directory per lease.

Each attempt has its own, so that one that was taken for lost cannot write into its successor's. A new attempt adopts
the newest training state of an earlier one; that of another machine comes from the object store.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.exceptions import StoreUnavailable
from app.storage.replication.shared_states import SharedStates
from app.worker.reporter import METRICS_FILE
from app.worker.state_sharing import StateSharing
from models.neural.training.config import STATE_FILE
from models.selection.config import MANIFEST

logger = logging.getLogger(__name__)
BLOCKS_FOLDER = "blocks"
"""Folder of the blocks of records that are done, with a manifest that is only appended to."""


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
            if earlier < lease and (_adopt_state(source, workdir) or _adopt_blocks(source, workdir)):
                return
            if earlier < lease and self._shared and _fetch_state(self._shared, job_id, earlier, workdir):
                return

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

    def job_ids(self) -> set[str]:
        """Return the ids of jobs with directories, or states in the object store. Raises StoreUnavailable."""
        places = [parent for parent in (self._work, self._staging) if parent.exists()]
        shared = self._shared.job_ids() if self._shared else set()
        return shared | {path.name for parent in places for path in parent.iterdir()}


def _leases_in(directory: Path) -> list[int]:
    """Return the leases that have a directory in `directory`, oldest first."""
    names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return sorted(int(name) for name in names if name.isdecimal())


def _adopt_state(source: Path, target: Path) -> bool:
    """Copy state and metrics of an earlier attempt; False where it saved no state.

    The state is linked first and becomes visible last: the metrics copied in between cover it, even if its writer runs.
    """
    hidden = target / f".{STATE_FILE}"
    with suppress(FileNotFoundError):
        hidden.unlink(missing_ok=True)
        os.link(source / STATE_FILE, hidden)
        with suppress(FileNotFoundError):  # a state before the first measurement
            shutil.copyfile(source / METRICS_FILE, target / METRICS_FILE)
        hidden.rename(target / STATE_FILE)
        return True
    return False


def _fetch_state(shared: SharedStates, job_id: str, lease: int, target: Path) -> bool:
    """Fetch state and metrics of an attempt at another machine; False where it saved no state.

    As there, the metrics come after the state, which becomes visible last.
    """
    hidden = target / f".{STATE_FILE}"
    if not shared.fetch(job_id, lease, STATE_FILE, hidden):
        return False
    if not shared.fetch(job_id, lease, METRICS_FILE, target / METRICS_FILE):
        (target / METRICS_FILE).unlink(missing_ok=True)
    hidden.rename(target / STATE_FILE)
    return True


def _adopt_blocks(source: Path, target: Path) -> bool:
    """Take over the blocks of an earlier attempt; False where it has none.

    Blocks never change, so that they are linked. The manifest is copied, and first: what it names is there already,
    even if its writer runs.
    """
    blocks, hidden = source / BLOCKS_FOLDER, target / f".{BLOCKS_FOLDER}"
    if not (blocks / MANIFEST).exists():
        return False
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir()
    shutil.copyfile(blocks / MANIFEST, hidden / MANIFEST)
    for block in blocks.iterdir():
        if block.name != MANIFEST and not block.name.startswith("."):
            os.link(block, hidden / block.name)
    hidden.rename(target / BLOCKS_FOLDER)
    return True
