"""Runs one compiled function on several threads at once: those that torch already has, so that no two pools compete.

It knows threads, whose turn it is and how they wait for each other, all without the interpreter's lock. It does not
know what they compute. Where torch comes without GNU's OpenMP runtime, a team is one thread.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import cfunc, njit, types
from numpy.typing import NDArray

from models.instructions import call, count_up, look_up, pointer

TEAM = [(name, np.int64) for name in ("turn", "waits", "counter", "rank", "size", "pause")]
"""How a record begins that a team is run on: how many turns were taken and how many waits begun, the address of the
latter, and addresses of C functions; 0 for none."""
ALONE = (0,) * len(TEAM)
"""The beginning of a record before it is run."""

_LOOKS = 2_000
"""So many looks, some microseconds, at whether the others have come are cheaper than letting others run."""
_WORTH_A_THREAD = 200_000
"""Multiply-adds, some microseconds of them, for which a thread more is worth waking."""


def run(function: Callable[[Any], None], record: NDArray[Any], work: int) -> None:
    """Call `function`, compiled at its first use, with a pointer to `record` on every thread; return when all have.

    There are as many threads as torch may use, and fewer for little `work` (multiply-adds).
    """
    compiled, runtime = _compiled(function), openmp()
    threads = min(torch.get_num_threads(), 1 + work // _WORTH_A_THREAD)
    if runtime is None or threads == 1:
        compiled.ctypes(record.ctypes.data)
        return
    record["counter"] = record["waits"].ctypes.data
    record["rank"], record["size"], record["pause"] = runtime.addresses
    runtime.parallel(compiled.address, record.ctypes.data, threads, 0)


@njit
def rank_of(team: Any) -> Any:
    """The number of the calling thread in its team, from 0."""
    return call(team.rank) if team.rank else 0


@njit
def size_of(team: Any) -> Any:
    """How many threads the team has."""
    return call(team.size) if team.size else 1


@njit
def wait(team: Any) -> None:
    """Return when every thread of the team has come here; what they wrote can then be read.

    A thread that waits for long lets others run, perhaps the one that it waits for: where there are more threads than
    processors, OpenMP's own barrier keeps one busy for milliseconds.
    """
    if team.counter:
        size = size_of(team)
        begun = count_up(pointer(team.counter))
        all_begun = begun - begun % size + size
        looks = 0
        while look_up(pointer(team.counter)) < all_begun:
            looks += 1
            if looks > _LOOKS:
                call(team.pause)


class OpenMP:
    """The entry points of GNU's OpenMP runtime, whose binary interface is what compiled programs rely on."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.parallel = library.GOMP_parallel
        self.parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        self.parallel.restype = None
        inside = (library.omp_get_thread_num, library.omp_get_num_threads, ctypes.CDLL(None).sched_yield)
        self.addresses = [ctypes.cast(each, ctypes.c_void_p).value for each in inside]


@cache
def _compiled(function: Callable[[Any], None]) -> Any:
    return cfunc(types.void(types.voidptr), error_model="numpy", cache=True)(function)


@cache
def openmp() -> OpenMP | None:
    """The runtime that torch has loaded, or None."""
    torch_folder = Path(torch.__file__).parent
    for folder in (torch_folder / "lib", torch_folder.with_name("torch.libs")):
        for path in folder.glob("libgomp*"):
            return OpenMP(ctypes.CDLL(str(path)))
    return None
