"""Who computes goes first: whoever else runs Python lets its thread have the interpreter's lock when that is wanted.

CPython's lock goes to whoever is awake when it is free. An event loop gives it away around every call to the system,
for microseconds, and has taken it again before a thread that waits for it has woken up; and the time after which that
one may insist begins anew whenever it is woken. So a thread that computes would wait for milliseconds between two
compiled calls, each of which takes no longer. It knows a flag; it does not know who else runs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from models.instructions import pointer

_wanted, _ignored = np.zeros(1, np.int64), np.zeros(1, np.int64)
"""The flag, and what others than those who claimed it set in its place."""
_claims = threading.local()
_NAP_SECONDS = 50e-6
"""Long enough for a thread to wake up."""


def claim() -> None:
    """The calling thread computes, and others are to make way for it."""
    _claims.flag = _wanted.ctypes.data


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


def give_way() -> None:
    """Let the thread that computes have the lock, if it wants it; this one has to wait for it afterwards as any."""
    if _wanted[0]:
        time.sleep(_NAP_SECONDS)
