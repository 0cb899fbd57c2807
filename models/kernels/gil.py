"""Who computes goes first: whoever else runs Python lets its thread have the interpreter's lock when that is wanted.

CPython's lock goes to whoever is awake when it is free. An event loop gives it away around every call to the system,
for microseconds, and has taken it again before a thread that waits for it has woken up; and the time after which that
one may insist begins anew whenever it is woken. So a thread that computes would wait for milliseconds between two
compiled calls, each of which takes no longer; and where they take microseconds, the event loop would wait for as long
as there is anything to compute. It knows a flag and a clock; it does not know who else runs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from models.kernels.jit import pointer

_request_flag, _ignored_flag = np.zeros(1, np.int64), np.zeros(1, np.int64)
"""The flag, and what others than those who claimed it set in its place."""
_thread = threading.local()
_YIELD_SECONDS = 50e-6
"""Long enough for a thread to wake up."""
_LONG_CALL_SECONDS = 200e-6
"""Whoever waited for the lock has had it in a call that took so long."""
_MAX_HOLD_SECONDS = 2e-3
"""Nobody has to wait for longer while calls are shorter."""


def register_compute_thread() -> None:
    """The calling thread computes, and others are to make way for it; now and then it has to `share`."""
    _thread.flag, _thread.left, _thread.shared = _request_flag.ctypes.data, 0.0, time.perf_counter()


def request_flag_address() -> int:
    """That of the flag, for the calling thread to set."""
    found: int = getattr(_thread, "flag", _ignored_flag.ctypes.data)
    return found


@njit
def request_gil(address: Any) -> None:
    """Set the flag at its address: a compiled call is about to end, and its thread will want the lock."""
    carray(pointer(address), 1, np.int64)[0] = 1


def before_release() -> None:
    """The calling thread is about to give the lock away: it computes without it, or has nothing to do."""
    if hasattr(_thread, "flag"):
        _request_flag[0] = 0
        _thread.left = time.perf_counter()


def after_acquire() -> None:
    """The calling thread has the lock again that it gave away."""
    if hasattr(_thread, "flag"):
        now = time.perf_counter()
        if now - _thread.left > _LONG_CALL_SECONDS:
            _thread.shared = now


def yield_periodically() -> None:
    """Let others have the lock, if they could not get it lately; for the thread that claimed it."""
    if time.perf_counter() - _thread.shared > _MAX_HOLD_SECONDS:
        time.sleep(_YIELD_SECONDS)
        _thread.shared = time.perf_counter()


def yield_to_compute_thread() -> None:
    """Let the thread that computes have the lock, if it wants it; this one has to wait for it afterwards as any."""
    if _request_flag[0]:
        time.sleep(_YIELD_SECONDS)
