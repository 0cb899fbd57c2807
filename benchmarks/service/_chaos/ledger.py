"""Ledger of a run: faults that were injected, checks that were made, and promises that were broken."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

GRACE_SECONDS = 8.0
"""Seconds after its end in which a disturbance still excuses an error: connections and retries recover."""
NO_FAULT = "(no fault)"


@dataclass
class _Disturbance:
    kind: str
    begin: float
    end: float = float("inf")


@dataclass
class Ledger:
    """Counts of a run, shared by its threads."""

    faults: Counter[str] = field(default_factory=Counter)
    """Faults by name."""
    checks: Counter[str] = field(default_factory=Counter)
    """Checks that held, by promise."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers by what became of them: `answered`, the code of an error, or `connection lost`."""
    breaches: list[str] = field(default_factory=list)
    """Broken promises, in order."""
    lost: Counter[str] = field(default_factory=Counter)
    """Broken promises by the newest fault at that moment."""
    newest: str = NO_FAULT
    """Newest fault of the cluster itself."""
    _disturbances: list[_Disturbance] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, fault: str) -> None:
        """Count a fault that begins."""
        with self._lock:
            self.faults[fault] += 1

    def retract(self, fault: str) -> None:
        """Count a fault no longer that found nothing to break."""
        with self._lock:
            self.faults[fault] -= 1

    def hold(self, promise: str, count: int = 1) -> None:
        """Count checks of a promise that held."""
        with self._lock:
            self.checks[promise] += count

    def answer(self, outcome: str) -> None:
        """Count an answer."""
        with self._lock:
            self.answers[outcome] += 1

    def breach(self, promise: str, details: str) -> None:
        """Note a broken promise and print it."""
        with self._lock:
            self.breaches.append(f"{promise}: {details}")
            self.lost[self.newest] += 1
            print(f"BROKEN after {self.newest}: {promise}: {details[:2000]}", flush=True)

    def check(self, promise: str, holds: object, details: str) -> None:
        """Count a check, or a broken promise where it does not hold."""
        if holds:
            self.hold(promise)
        else:
            self.breach(promise, details)

    @contextmanager
    def disturbance(self, kind: str) -> Iterator[None]:
        """While the block runs, and a little longer, errors of this kind have a cause."""
        disturbance = _Disturbance(kind, time.monotonic())
        with self._lock:
            self._disturbances.append(disturbance)
        try:
            yield
        finally:
            disturbance.end = time.monotonic()

    def is_disturbed(self, kinds: Iterable[str] | None = None, since: float | None = None) -> bool:
        """Tell whether a disturbance of these kinds fell into the time since `since` (monotonic; now)."""
        begin = time.monotonic() if since is None else since
        with self._lock:
            return any(
                begin <= disturbance.end + GRACE_SECONDS and (kinds is None or disturbance.kind in kinds)
                for disturbance in self._disturbances
            )
