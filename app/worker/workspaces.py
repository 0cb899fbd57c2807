"""Where attempts at jobs write: each in directories of its own, so that a lost one cannot write beside its successor.

Knows how an attempt takes over what an earlier one saved, and what is to be removed when a job is done. It does not
know what a saved state means.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

STATE_FILE = "training.safetensors"
"""A saved state; always replaced as a whole, never written in place."""
METRICS_FILE = "metrics.jsonl"
"""What was measured until then; only ever added to."""


class Workspaces:
    """The directories of all jobs: working ones under `data`, staging ones in the file system of the models."""

    def __init__(self, data: Path, checkpoints: Path) -> None:
        self._work = (data / "jobs").resolve()
        self._staging = (checkpoints / ".jobs").resolve()

    def workdir(self, job_id: str, lease: int) -> Path:
        """Where the attempt under this lease keeps its state."""
        return self._work / job_id / str(lease)

    def staging(self, job_id: str, lease: int) -> Path:
        """Where it leaves a model to be published: one rename away from where models are."""
        return self._staging / job_id / str(lease)

    def prepare(self, job_id: str, lease: int) -> None:
        """Make the working directory, with the newest state that an earlier attempt saved, if any."""
        mine = self.workdir(job_id, lease)
        mine.mkdir(parents=True, exist_ok=True)
        if (mine / STATE_FILE).exists():
            return
        for number in reversed(_leases_in(self._work / job_id)):
            if number < lease and _adopt_state(self.workdir(job_id, number), mine):
                return

    def fence(self, job_id: str, lease: float) -> None:
        """Take away what earlier attempts staged: from here on none of them can publish it, however late it wakes."""
        staged = self._staging / job_id
        for number in _leases_in(staged):
            if number < lease:
                # By a rename first: a directory on its way out must not be published by half.
                with suppress(FileNotFoundError):
                    (staged / str(number)).rename(staged / f".{number}-{secrets.token_hex(6)}")
        for removed in staged.glob(".*"):
            shutil.rmtree(removed, ignore_errors=True)

    def clear(self, job_id: str) -> None:
        """Remove all that the attempts at a job left behind."""
        self.fence(job_id, math.inf)
        for directory in (self._work / job_id, self._staging / job_id):
            shutil.rmtree(directory, ignore_errors=True)

    def job_ids(self) -> set[str]:
        """The jobs of which something is left."""
        return {path.name for parent in (self._work, self._staging) if parent.exists() for path in parent.iterdir()}


def _leases_in(directory: Path) -> list[int]:
    """The leases that have a directory in this one, oldest first."""
    names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return sorted(int(name) for name in names if name.isdecimal())


def _adopt_state(theirs: Path, mine: Path) -> bool:
    """Whether a state was there to be taken over.

    The state is taken first and becomes visible last: the metrics copied in between then cover it, even if its writer
    still lives and goes on.
    """
    taken = mine / f".{STATE_FILE}"
    with suppress(FileNotFoundError):
        taken.unlink(missing_ok=True)
        os.link(theirs / STATE_FILE, taken)
        with suppress(FileNotFoundError):  # a state before the first measurement
            shutil.copyfile(theirs / METRICS_FILE, mine / METRICS_FILE)
        taken.rename(mine / STATE_FILE)
        return True
    return False
