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

_wanted, _ignored = np.zeros(1, np.int64), np.zeros(1, np.int64)
"""The flag, and what others than those who claimed it set in its place."""
_claims = threading.local()
_NAP_SECONDS = 50e-6
"""Long enough for a thread to wake up."""
_AWAKE_SECONDS = 200e-6
"""Whoever waited for the lock has had it in a call that took so long."""
_TURN_SECONDS = 2e-3
"""Nobody has to wait for longer while calls are shorter."""


def claim() -> None:
    """The calling thread computes, and others are to make way for it; now and then it has to `share`."""
    _claims.flag, _claims.left, _claims.shared = _wanted.ctypes.data, 0.0, time.perf_counter()


def address() -> int:
    """That of the flag, for the calling thread to set."""
    found: int = getattr(_claims, "flag", _ignored.ctypes.data)
    return found


@njit
def want(address: Any) -> None:
    """Set the flag at its address: a compiled call is about to end, and its thread will want the lock."""
    carray(pointer(address), 1, np.int64)[0] = 1


def renounce() -> None:
    """The calling thread is about to give the lock away: it computes without it, or has nothing to do."""
    if hasattr(_claims, "flag"):
        _wanted[0] = 0
        _claims.left = time.perf_counter()


def resume() -> None:
    """The calling thread has the lock again that it gave away."""
    if hasattr(_claims, "flag"):
        now = time.perf_counter()
        if now - _claims.left > _AWAKE_SECONDS:
            _claims.shared = now


def share() -> None:
    """Let others have the lock, if they could not get it lately; for the thread that claimed it."""
    if time.perf_counter() - _claims.shared > _TURN_SECONDS:
        time.sleep(_NAP_SECONDS)
        _claims.shared = time.perf_counter()


def give_way() -> None:
    """Let the thread that computes have the lock, if it wants it; this one has to wait for it afterwards as any."""
    if _wanted[0]:
        time.sleep(_NAP_SECONDS)
