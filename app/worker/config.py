"""Configuration of a worker (`WorkerConfig`), and what its attempts at jobs share (`WorkerContext`)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from app.core.traces.tracing import Tracing
from app.jobs.leases import LeaseStore
from app.storage.files.file_store import FileStore
from app.storage.replication.shared_models import SharedModels
from app.worker.run_protocol import Launcher
from app.worker.saved.workspaces import Workspaces


@dataclass(frozen=True)
class WorkerConfig:
    """Times (in seconds) and limits of a worker."""

    lease_seconds: float = 30.0
    """How long a lease lasts without a heartbeat; then another worker may claim the job."""
    heartbeat_seconds: float = 1.0
    """Between two heartbeats, which carry progress and metrics and bring back a cancel."""
    idle_seconds: float = 0.5
    """Between two queries of an empty queue."""
    stop_seconds: float = 10.0
    """How long the work may take to save its state when the worker is told to stop."""
    save_seconds: float = 30.0
    """Between two saved states of a training."""
    max_attempts: int = 3
    """How often a job is started whose worker or process is lost."""
    threads: int = 1
    slots: int = 1
    """Jobs at once."""
    memory_bytes: int = 1 << 62
    """Most memory that the jobs at once may be expected to need together; one alone may always run."""
    log_level: str = "info"
    log_format: str = "auto"


@dataclass(frozen=True)
class WorkerContext:
    """Context that all attempts of a worker share."""

    leases: LeaseStore
    files: FileStore
    launcher: Launcher
    workspaces: Workspaces
    checkpoints: Path
    config: WorkerConfig
    stop: threading.Event
    """Set when the worker is told to stop."""
    tracing: Tracing | None = None
    shared_models: SharedModels | None = None
    """Models of all machines, where they share an object store."""
