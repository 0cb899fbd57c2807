"""Tricks of the process, in one place: garbage collection, OpenMP, BLAS.

Each function says what it replaces and what it gains. None changes what the service answers.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

GC_THRESHOLD = 20_000
"""New objects between two collections; Python's default is 700. An answer of hundreds of rows makes some thousands of
dictionaries, none of which lies in a cycle. A larger number keeps cyclic garbage longer."""
GOMP_SPINCOUNT = 4000
"""Turns of the loop, some 0.1 ms, in which an idle OpenMP thread waits for work before it gives up its processor."""


@contextmanager
def without_gc() -> Iterator[None]:
    """Switch garbage collection off during imports that take seconds.

    What modules define lives as long as the process; Python would look through all of it again and again while it
    grows, and at every full collection after, 88 ms each. Gain: 1.54 s of processor time until a server is ready, not
    1.73 if it looked afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def import_without_gc(name: str) -> ModuleType:
    """Import and return a module `without_gc`."""
    with without_gc():
        return import_module(name)


def tune_server() -> None:
    """Collect garbage less often in a process that answers requests.

    Gain: `next` of 400 contexts takes 10.3 ms of processor time, not 11.4, and of one context as much as before
    (`benchmarks.service.tricks`).
    """
    gc.set_threshold(GC_THRESHOLD)


def limit_openmp_spinning() -> None:
    """Let idle OpenMP threads give up the processor soon; must come before torch is imported.

    The default lets them spin for milliseconds, on processors that the event loop needs: with two compute threads on
    two cores both would be taken. Gain: four decode steps of 16 rows with pauses of 1 ms take 7.6 ms of processor time,
    not 55 (`benchmarks.speed.tricks`), and a server that is busy all the time is as fast.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", str(GOMP_SPINCOUNT))


def limit_blas_threads() -> None:
    """Let NumPy multiply matrices on the calling thread alone; must come before NumPy is imported.

    OpenBLAS would keep a pool of its own on the processors of OpenMP's, and wait for it where they are busy. Gain: a
    neural cache's attention over 256 positions takes 3 ms, not 43, on two busy cores.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
