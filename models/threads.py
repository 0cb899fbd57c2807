"""How many threads one computation may use: one number for the whole process.

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
    """Return how many threads one computation may use: all processors, unless `set_thread_count` said otherwise."""
    return _Limit.count


def set_thread_count(count: int) -> None:
    """Let one computation use `count` threads; PyTorch's too, once it is loaded and a network computes with it."""
    _Limit.count = count
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
