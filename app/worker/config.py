"""How a worker goes about its work: times and limits, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
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
    attempts: int = 3
    """How often a job is begun before its workers count as lost to it."""
    threads: int = 1
    """How many threads of a job compute."""
