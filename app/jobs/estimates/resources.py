"""Resources of a job: an estimate of them, and limits that refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.core.exceptions import TooExpensive

PROCESS_BYTES = 265 << 20
"""Memory of a child process before it has read anything, torch apart."""
STARTUP_SECONDS = 0.05
"""Time until a child process begins its work, where it is forked; the first of several takes three seconds more."""
_LONGEST_AMOUNT = 1e15
"""Amounts above are not written out."""


@dataclass(frozen=True)
class ResourceEstimate:
    """Estimate of the resources of a job."""

    parameters: int
    memory_bytes: int
    """Peak memory of the job's process."""
    seconds: float
    """Time from start to end, with a processor to itself."""


@dataclass(frozen=True)
class ResourceLimits:
    """Largest resources that a job may need."""

    parameters: int
    memory_bytes: int
    seconds: float

    def check(self, estimate: ResourceEstimate) -> None:
        """Raise TooExpensive, naming the resource, the estimate and the limit."""
        units = {"parameters": "parameters", "memory_bytes": "bytes of memory", "seconds": "seconds"}
        for name, unit in units.items():
            amount, limit = getattr(estimate, name), getattr(self, name)
            if amount > limit:
                message = f"{_readable(amount)} {unit}, and at most {limit:,.0f} are allowed"
                raise TooExpensive("config", f"this job would take about {message}")


@contextmanager
def refuse_overflow() -> Iterator[None]:
    """Raise TooExpensive for a job whose size is beyond all numbers."""
    try:
        yield
    except OverflowError:
        raise TooExpensive("config", "this job would take more than can be estimated") from None


def _readable(amount: float) -> str:
    """Format an amount, of which a request can make any number of digits."""
    return f"{amount:,.0f}" if amount < _LONGEST_AMOUNT else f"more than {_LONGEST_AMOUNT:,.0f}"
