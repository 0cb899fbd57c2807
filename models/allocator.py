"""Memory between the steps of a training: what one step frees is there for the next, not given back to the system.

The C library gives large pieces back at once and asks for them anew at the next step, and the system writes zeros to
every page of them: with 33,000 words that takes a fifth of a step. This file knows the knobs of glibc's `malloc`
(mallopt(3)); it does not know what memory is for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of <malloc.h>
_NEVER = -1
_KEPT: dict[int, int] = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER}
# What glibc begins with, but for the thresholds, which rise as pieces are freed: these are as high as they get.
_USUAL: dict[int, int] = {_MMAP_MAX: 65536, _TRIM_THRESHOLD: 64 << 20, _MMAP_THRESHOLD: 32 << 20}


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let the whole process keep what it frees while the block lasts, then give it back; does nothing without glibc."""
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    _set(library, _KEPT)
    try:
        yield
    finally:
        _set(library, _USUAL)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, options: dict[int, int]) -> None:
    for option, value in options.items():
        library.mallopt(option, value)
