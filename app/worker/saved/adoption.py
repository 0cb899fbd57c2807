"""Adoption of what an earlier attempt at a job has saved, here or at another machine."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from app.storage.replication.shared_states import SharedStates
from app.worker.run_protocol import BLOCKS_FOLDER, METRICS_FILE
from models.neural.training.config import STATE_FILE
from models.selection.config import MANIFEST


def adopt_state(source: Path, target: Path) -> bool:
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


def fetch_state(shared: SharedStates, job_id: str, lease: int, target: Path) -> bool:
    """Fetch state and metrics of an attempt at another machine; False where it saved no state.

    The metrics are fetched after the state, so that they cover it; the state becomes visible last.
    """
    hidden = target / f".{STATE_FILE}"
    if not shared.fetch(job_id, lease, STATE_FILE, hidden):
        return False
    if not shared.fetch(job_id, lease, METRICS_FILE, target / METRICS_FILE):
        (target / METRICS_FILE).unlink(missing_ok=True)
    hidden.rename(target / STATE_FILE)
    return True


def adopt_blocks(source: Path, target: Path) -> bool:
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


def fetch_blocks(shared: SharedStates, job_id: str, lease: int, target: Path) -> bool:
    """Fetch the blocks of an attempt at another machine, the manifest first; False where it has none."""
    hidden, name = target / f".{BLOCKS_FOLDER}", f"{BLOCKS_FOLDER}/{MANIFEST}"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir()
    if not shared.fetch(job_id, lease, name, hidden / MANIFEST):
        hidden.rmdir()
        return False
    for block in shared.names(job_id, lease, BLOCKS_FOLDER):
        if block != MANIFEST:
            shared.fetch(job_id, lease, f"{BLOCKS_FOLDER}/{block}", hidden / block)
    hidden.rename(target / BLOCKS_FOLDER)
    return True
