"""Times of calls, as the benchmarks take them: the median, after one call that warms up.

It knows clocks; it does not know what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median time of one call, of `repeats` after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return median(times)
