"""Priority of the compute thread over the event loop when both want the GIL.

CPython does not queue the threads that wait for its lock (the GIL): whoever is awake when it is free takes it. An event
loop releases it around every system call, for microseconds, and has it again before a waiting thread has woken up; and
the switch interval, after which a waiting thread may insist, begins anew at every such release. So a decode step was
seen to wait two milliseconds between two compiled calls; and where calls take microseconds, the event loop would wait
in its turn for as long as there is anything to compute.

The compute thread is the one that called `register_compute_thread`. A compiled call sets a flag just before it ends,
`request_gil`; other threads look at the flag in `yield_to_compute_thread` and sleep for a moment if it is set. The
compute thread sleeps in turn every two milliseconds, `yield_periodically`.

`python -m benchmarks.speed.gil` isolates the gain. On two idle processors, beside a busy event loop, a compiled call of
some 50 microseconds returns after 81 (99 of 100 within 0.34 ms), and without requests after 3,960 (45 ms). On
processors that other programs keep busy no gain was found.
"""

from __future__ import annotations

import threading
import time

import numpy as np

from models.kernels.jit import array_at, subroutine

_request_flag, _ignored_flag = np.zeros(1, np.int64), np.zeros(1, np.int64)
"""1 in the first while the compute thread wants the GIL; compiled calls of other threads set the second."""
_REQUEST_FLAG_ADDRESS, _IGNORED_FLAG_ADDRESS = _request_flag.ctypes.data, _ignored_flag.ctypes.data
_YIELD_SECONDS = 50e-6
"""Time that a yielding thread sleeps: long enough for another one to wake up."""
_LONG_CALL_SECONDS = 200e-6
"""Whoever waits for the GIL gets it during a compiled call of this length."""
_MAX_HOLD_SECONDS = 2e-3
"""The compute thread yields after this time without a long call; longer makes requests wait, shorter slows decoding."""


class _Thread(threading.local):
    """State of the calling thread."""

    registered = False
    """Whether it is the compute thread."""
    released = 0.0
    """When it last released the GIL, as `time.perf_counter` counts."""
    shared = 0.0
    """When other threads last had the chance to take the GIL."""


_thread = _Thread()


def register_compute_thread() -> None:
    """Make the calling thread the compute thread; it has to call `yield_periodically` from then on."""
    _thread.registered, _thread.released, _thread.shared = True, 0.0, time.perf_counter()


def request_flag_address() -> int:
    """Return the address of the flag by which compiled calls of this thread ask for the GIL.

    In any thread but the compute thread it is a flag that nobody reads.
    """
    return _REQUEST_FLAG_ADDRESS if _thread.registered else _IGNORED_FLAG_ADDRESS


@subroutine
def request_gil(flag_address: int) -> None:
    """Set the flag at an address: the compiled call is about to end, and its thread will want the GIL."""
    array_at(flag_address, 1, np.int64)[0] = 1


def before_release() -> None:
    """Clear the compute thread's request before it computes or waits without the GIL; others do nothing."""
    if _thread.registered:
        _request_flag[0] = 0
        _thread.released = time.perf_counter()


def after_acquire() -> None:
    """Note that the compute thread has the GIL again; does nothing in any other thread."""
    if _thread.registered:
        now = time.perf_counter()
        if now - _thread.released > _LONG_CALL_SECONDS:
            _thread.shared = now


def yield_periodically() -> None:
    """Let other threads have the GIL if they had no chance to lately; for use between two pieces of work."""
    if time.perf_counter() - _thread.shared > _MAX_HOLD_SECONDS:
        time.sleep(_YIELD_SECONDS)
        _thread.shared = time.perf_counter()


def yield_to_compute_thread() -> None:
    """Sleep for a moment if the compute thread wants the GIL; afterwards wait for it as any other thread."""
    if _request_flag[0]:
        time.sleep(_YIELD_SECONDS)
