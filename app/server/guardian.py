"""Guardian of the one server process: another takes its place when a fault ends it.

`keep_running` splits the process before anything large is loaded. The child serves; the parent, which shares its memory
with the child and starts no thread, passes signals on and ends as the child does, unless that was killed: by SIGBUS
where a page of a mapped file cannot be read, or for want of memory. Connections meanwhile wait in the listening socket,
which both have. A parent that is killed takes the child with it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from app.server.supervisor import MAX_RESTART_WAIT_SECONDS, QUICK_DEATH_SECONDS, describe_exit

logger = logging.getLogger(__name__)
FAULTS = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGKILL)
"""Signals after which another process takes the place of one that they ended."""
STOPS = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1
"""Option of Linux's prctl(2): the signal that a process gets when its parent dies."""


def keep_running(serve: Callable[[], None], on_fault: Callable[[int], None]) -> None:
    """Call `serve` in a child process, and again in another when a fault has ended it.

    Returns in the child, when `serve` has; the parent ends as the last child did. `on_fault` is called in the parent
    with the number of the signal, before another child begins. Where the system has no such signals, only serves.
    """
    if not hasattr(signal, "sigwaitinfo"):
        serve()
        return
    parent, pause = os.getpid(), 1.0
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPS, signal.SIGCHLD))
    while True:
        began = time.monotonic()
        child = _fork()
        if child == 0:
            _die_with(parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOPS, signal.SIGCHLD))
            serve()
            return
        status, stopped = _watch(child)
        if stopped or -status not in FAULTS:
            _end_with(status)
        pause = min(2 * pause, MAX_RESTART_WAIT_SECONDS) if time.monotonic() - began < QUICK_DEATH_SECONDS else 1.0
        logger.error("the server %s; another begins in %.0f s", describe_exit(status), pause)
        on_fault(-status)
        if received := signal.sigtimedwait(STOPS, pause):
            _end_with(-received.si_signo)


def _fork() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what is buffered would be written twice
    return os.fork()


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was dead before
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(child: int) -> tuple[int, bool]:
    """Pass signals on to the child until it ends; return its status, and whether a signal told it to stop.

    The status is that of its exit, or minus the number of the signal that ended it.
    """
    stopped = False
    while True:
        received = signal.sigwaitinfo((*STOPS, signal.SIGCHLD))
        if received.si_signo != signal.SIGCHLD:
            stopped = True
            if received.si_code <= 0:  # sent to this process alone; one of a terminal's went to the child as well
                os.kill(child, received.si_signo)
        elif (status := _reap(child)) is not None:
            return status, stopped


def _reap(child: int) -> int | None:
    """Take note of all processes that have ended; return the status of the child if it is among them."""
    found = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                found = os.waitstatus_to_exitcode(ended[1])
    except ChildProcessError:  # there is none left
        pass
    return found


def _end_with(status: int) -> None:
    """End this process as the child ended."""
    if status >= 0:
        sys.exit(status)
    signal.signal(-status, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    os.kill(os.getpid(), -status)
