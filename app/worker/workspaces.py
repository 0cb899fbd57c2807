"""Directories of attempts at jobs: a working directory and a staging directory per lease.

Each attempt has its own, so that one that was taken for lost cannot write into its successor's. A new attempt adopts
the newest training state of an earlier one.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from models.neural.training.config import STATE_FILE
from models.selection.config import MANIFEST

BLOCKS_FOLDER = "blocks"
"""Folder of the blocks of records that are done, with a manifest that is only appended to."""
METRICS_FILE = "metrics.jsonl"
"""File of metrics, a line per step; only appended to."""


class Workspaces:
    """Directories of all jobs: working ones under `data`, staging ones beside the published models."""

    def __init__(self, data: Path, checkpoints: Path) -> None:
        self._work = (data / "jobs").resolve()
        self._staging = (checkpoints / ".jobs").resolve()

    def workdir(self, job_id: str, lease: int) -> Path:
        """Return the directory in which the attempt under this lease keeps its state."""
        return self._work / job_id / str(lease)

    def staging(self, job_id: str, lease: int) -> Path:
        """Return the directory for its finished model, one rename away from the published ones."""
        return self._staging / job_id / str(lease)

    def prepare(self, job_id: str, lease: int) -> None:
        """Create the working directory, with the newest state that an earlier attempt saved, if any."""
        workdir = self.workdir(job_id, lease)
        workdir.mkdir(parents=True, exist_ok=True)
        if (workdir / STATE_FILE).exists() or (workdir / BLOCKS_FOLDER).exists():
            return
        for earlier in reversed(_leases_in(self._work / job_id)):
            source = self.workdir(job_id, earlier)
            if earlier < lease and (_adopt_state(source, workdir) or _adopt_blocks(source, workdir)):
                return

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
        """Remove all directories of a job."""
        self.fence(job_id, math.inf)
        for directory in (self._work / job_id, self._staging / job_id):
            shutil.rmtree(directory, ignore_errors=True)

    def job_ids(self) -> set[str]:
        """Return the ids of jobs that have directories."""
        return {path.name for parent in (self._work, self._staging) if parent.exists() for path in parent.iterdir()}


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
