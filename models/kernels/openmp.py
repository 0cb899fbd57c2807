"""Runs one compiled function on several threads at once: those that torch already has, so that no two pools compete.

It knows threads, turns that they take and how they wait for each other's, all without the interpreter's lock. It does
not know what they compute. Where torch comes without GNU's OpenMP runtime, a team is one thread.
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

from models.kernels import gil
from models.kernels.jit import atomic_add, atomic_load, call_c_function, compare_and_swap, pointer
from models.kernels.workspace import address_of

_LINE_WORDS = 8
"""Numbers of 8 bytes that travel between processors' caches together."""
TEAM = np.dtype(
    [
        ("turns", np.int64, _LINE_WORDS),
        ("done", np.int64, _LINE_WORDS),
        *((name, np.int64) for name in ("here", "size", "pause", "wanted")),
    ]
)
"""What a team is run on: how many turns were taken and, in a line of its own, how many are done; the record's address,
how many threads there are, the address of a C function that lets others run, and that of the flag of `right_of_way`."""

_SPINS = 2_000
"""So many looks, some microseconds, at whether others are done are cheaper than letting others run."""
_COST_PER_THREAD = 200_000
"""Multiply-adds, some microseconds of them, for which a thread more is worth waking."""


@cache
def task_record(work: np.dtype[Any]) -> np.dtype[Any]:
    """The kind of record that a function of a team is given: a TEAM as `team` and such a record as `work`."""
    return np.dtype([("team", TEAM), ("work", work)])


def run_parallel(function: Callable[[Any], None], work: tuple[Any, ...], kind: np.dtype[Any], cost: int) -> None:
    """Call `function`, compiled at its first use, on every thread, with a pointer to a task; return when all have.

    `work` are the values of its record, which is of that `kind`. There are as many threads as torch may use, and fewer
    for a low `cost` (multiply-adds).
    """
    compiled, runtime = _compile_entry(function), load_runtime()
    threads = min(torch.get_num_threads(), 1 + cost // _COST_PER_THREAD) if runtime else 1
    record = np.empty(1, task_record(kind))
    here = address_of(record)
    record[0] = (0, 0, here, threads, runtime.yield_address if runtime else 0, gil.request_flag_address()), work
    gil.before_release()
    if runtime is None or threads == 1:
        compiled.ctypes(here)
    else:
        runtime.parallel(compiled.address, here, threads, 0)
    gil.after_acquire()


def parallel_for(work: Callable[[Any, Any], None]) -> Any:
    """Make of a compiled function of one turn, `work(turn, given)`, one of many: `(team, begin, count, given)`.

    It calls work(0, given) to work(count - 1, given), once all turns before them are done. Turns are numbered through a
    whole task; these begin at `begin`. Returns the number of the first one after them. Nobody is waited for who has no
    turn in hand: a thread may come late or never, where there are more of them than processors, and one that is held
    up does less.
    """

    @njit
    def share(team: Any, begin: Any, count: Any, given: Any) -> Any:
        end, taken = begin + count, 0
        if atomic_load(pointer(team.here)) < end:
            _wait_for_iterations(team, begin)
        turn = _claim_iteration(team, end)
        while turn < end:
            work(turn - begin, given)
            taken += 1
            turn = _claim_iteration(team, end)
        if taken:
            atomic_add(pointer(team.here + 8 * _LINE_WORDS), taken)
        return end

    return share


@njit
def _claim_iteration(team: Any, end: Any) -> Any:
    """A turn before `end` that nobody has taken; `end` if there is none."""
    turns = pointer(team.here)
    turn = atomic_load(turns)
    while turn < end:
        if compare_and_swap(turns, turn, turn + 1):
            return turn
        turn = atomic_load(turns)
    return end


@njit
def _wait_for_iterations(team: Any, turns: Any) -> None:
    """Return when so many turns are done; what was written in them can then be read.

    A thread that waits for long lets others run, perhaps the one that it waits for.
    """
    looks = 0
    while atomic_load(pointer(team.here + 8 * _LINE_WORDS)) < turns:
        looks += 1
        if looks > _SPINS:
            call_c_function(team.pause)


class OpenMPRuntime:
    """The entry points of GNU's OpenMP runtime, whose binary interface is what compiled programs rely on."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.parallel = library.GOMP_parallel
        self.parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        self.parallel.restype = None
        self.yield_address = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value


@cache
def _compile_entry(function: Callable[[Any], None]) -> Any:
    return cfunc(types.void(types.voidptr), error_model="numpy", cache=True)(function)


@cache
def load_runtime() -> OpenMPRuntime | None:
    """The runtime that torch has loaded, or None."""
    torch_folder = Path(torch.__file__).parent
    for folder in (torch_folder / "lib", torch_folder.with_name("torch.libs")):
        for path in folder.glob("libgomp*"):
            return OpenMPRuntime(ctypes.CDLL(str(path)))
    return None
