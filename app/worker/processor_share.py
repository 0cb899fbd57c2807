"""Processor time of a run: the share it had lately, and what that does to its seconds left."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 5.0
"""Time over which the share is measured: longer than a disk keeps a job waiting now and then."""
GRACE_SECONDS = 3.0
"""Time without a report that is no sign of slower work."""


class ProcessorShare:
    """Share of one processor that a run had over the last seconds, from readings of its processor time.

    >>> share = ProcessorShare(5.0)
    >>> [share.measure(now, used) for now, used in [(0.0, 1.0), (4.0, 2.0), (8.0, 3.0)]]
    [None, None, 0.25]
    """

    def __init__(self, window: float | None = None) -> None:
        """Measure over `window` seconds, by default WINDOW_SECONDS."""
        self._window = WINDOW_SECONDS if window is None else window
        self._readings: deque[tuple[float, float]] = deque()

    def measure(self, now: float, used: float | None) -> float | None:
        """Take a reading in seconds and return the share over the window; None until it is full."""
        if used is None:
            return None
        readings = self._readings
        readings.append((now, used))
        while len(readings) > 1 and now - readings[1][0] >= self._window:
            readings.popleft()
        began, used_before = readings[0]
        return (used - used_before) / (now - began) if now - began >= self._window else None


def correct_seconds_left(left: float, age: float, elapsed: float) -> float:
    """Return the seconds that are left of work, which has reported `left` of them.

    It did so `elapsed` seconds after its begin and `age` seconds ago. They pass with the clock. Work that has not
    reported for long is slower than it was, and its rate is taken anew.
    """
    if age <= GRACE_SECONDS:
        return max(0.0, left - age)
    return left * (elapsed + age) / max(elapsed, GRACE_SECONDS)
