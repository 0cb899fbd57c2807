"""Number of threads that one computation may use, for the whole process.

PyTorch keeps such a number too, but asking it would import it: seconds and a hundred megabytes for who serves n-gram
or int8 models. `set_thread_count` keeps the two equal.
"""

from __future__ import annotations

import os
import sys


class _Limit:
    """The number of threads, all processors to begin with."""

    count = len(os.sched_getaffinity(0))


def thread_count() -> int:
    """Return the number of threads that one computation may use, to begin with all processors."""
    return _Limit.count


def set_thread_count(count: int) -> None:
    """Let one computation use `count` threads, and PyTorch too: now, or when `FloatBackend` imports it.

    Raises ValueError for less than one.
    """
    if count < 1:
        raise ValueError(f"count: must be 1 or more, not {count}")
    _Limit.count = count
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
