"""How a worker goes about its work: times and limits, and nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from app.jobs.leases import LeaseStore
from app.storage.file_store import FileStore
from app.worker.run_protocol import Launcher
from app.worker.workspaces import Workspaces


@dataclass(frozen=True)
class WorkerConfig:
    """Times are in seconds."""

    lease_seconds: float = 30.0
    """How long a job is held without a heartbeat before another worker may take it."""
    heartbeat_seconds: float = 1.0
    """Between two heartbeats; they carry progress and metrics, and learn of a cancel."""
    idle_seconds: float = 0.5
    """Between two looks at an empty queue."""
    stop_seconds: float = 10.0
    """How long work may take to save its state when the worker is told to stop."""
    save_seconds: float = 30.0
    """Between two saved states of a training."""
    max_attempts: int = 3
    """How often a job is begun before its workers count as lost to it."""
    threads: int = 1
    """How many threads of a job compute."""


@dataclass(frozen=True)
class WorkerContext:
    """What every attempt of a worker has to do with."""

    leases: LeaseStore
    files: FileStore
    launcher: Launcher
    workspaces: Workspaces
    checkpoints: Path
    """Where models are published."""
    config: WorkerConfig
    stop: threading.Event
    """Set when the worker is to stop."""
