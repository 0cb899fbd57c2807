"""Estimate of the jobs that score and select records."""

from __future__ import annotations

from collections.abc import Sequence

from app.jobs.estimates.resources import PROCESS_BYTES, STARTUP_SECONDS, ResourceEstimate
from models.model import Model

QUICK_SECONDS_PER_BYTE = 1.5e-7
"""Seconds an n-gram model takes for a byte of records (`benchmarks.speed.selection`)."""
SECONDS_PER_BYTE = 1e-5
"""Seconds a network takes for a byte of records."""
BLOCK_MEMORY_BYTES = 150 << 20
"""Memory of the blocks at work, and of what is computed of them."""


def estimate_selection(models: Sequence[Model], text_bytes: int) -> ResourceEstimate:
    """Estimate scoring the records of files by all of `models`."""
    rates = (QUICK_SECONDS_PER_BYTE if model.runs_inline else SECONDS_PER_BYTE for model in models)
    parameters = sum(model.parameter_count for model in models)
    seconds = STARTUP_SECONDS + text_bytes * sum(rates)
    return ResourceEstimate(0, PROCESS_BYTES + BLOCK_MEMORY_BYTES + 8 * parameters, seconds)
