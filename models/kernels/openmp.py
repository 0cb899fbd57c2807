"""A parallel for loop for compiled functions, on the threads of GNU OpenMP, those that torch uses too.

`run_parallel` calls an entry function on every thread of a team; within it, functions made by `parallel_for` share out
iterations. The threads are torch's own, so that two pools do not compete for the processors. Numba's `prange` is not
used because each of its loops ends at a barrier, where a late thread keeps all others waiting for milliseconds; here
the others take its iterations. The interface of `GOMP_parallel` is stable, since compiled programs rely on it. Where
torch comes without GNU's runtime, a team is one thread.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

from models.kernels import jit
from models.kernels.jit import atomic_add, atomic_load, call_c_function, compare_and_swap, subroutine
from models.kernels.native import code_cache, machine_code
from models.kernels.native.fingerprint import fingerprint_of
from models.kernels.workspace import CACHE_LINE
from models.threads import thread_count

_SPINS = 2_000
"""Looks at whether the others are done, some microseconds, before it is cheaper to let other threads run."""
_COST_PER_THREAD = 200_000
"""Multiply-adds, some microseconds of them, for which waking another thread is worth its while."""

_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64)
_kept: list[object] = []
"""What the entry functions need that Numba has compiled."""
_Args = TypeVar("_Args")
EntryFunction: TypeAlias = Callable[[int], None]
"""A function, compiled at its first use, of the address of a record of `task_record`."""


class Team(NamedTuple):
    """Record that the threads of one call share."""

    claimed: int
    """Address of an int64: how many iterations threads have claimed."""
    done: int
    """Address of an int64: how many of them are done. On a cache line of its own."""
    size: int
    """How many threads there are."""
    yield_thread: int
    """Address of a C function that lets other threads run."""


@cache
def record_dtype(args: type[NamedTuple]) -> np.dtype[Any]:
    """Return the record type with the fields of a NamedTuple, all int64 or records of other NamedTuples."""
    return np.dtype(
        [(name, np.int64 if kind is int else record_dtype(kind)) for name, kind in get_type_hints(args).items()]
    )


@cache
def task_record(args: type[NamedTuple]) -> np.dtype[Any]:
    """Return the record type that entry functions read: a Team as `team`, the arguments as `args`.

    The counters that the team's addresses point to come first, each on a cache line of its own.
    """
    counters = [(name, np.int64, CACHE_LINE // 8) for name in ("claimed", "done")]
    return np.dtype([*counters, ("team", record_dtype(Team)), ("args", record_dtype(args))])


class _ThreadTasks(threading.local):
    """Task records of the calling thread, used again by its next call.

    Making a new one and asking for its address takes 6 microseconds, a fifth of the shortest decode steps.
    """

    def __init__(self) -> None:
        self._tasks: dict[type[NamedTuple], tuple[NDArray[Any], int]] = {}

    def task_for(self, args: type[NamedTuple]) -> tuple[NDArray[Any], int]:
        """Return an array [1] of `task_record(args)`, and its address."""
        if args not in self._tasks:
            task = np.empty(1, task_record(args))
            self._tasks[args] = task, task.ctypes.data
        return self._tasks[args]


_thread_tasks = _ThreadTasks()


def run_parallel(function: EntryFunction, args: NamedTuple, cost: int) -> None:
    """Call `function` with a task record of `args` on the threads of a team; return when all are done.

    The team has `thread_count()` threads, and fewer for a low `cost`, in multiply-adds.
    """
    entry, runtime = _compile_entry(function), load_runtime()
    threads = min(thread_count(), 1 + cost // _COST_PER_THREAD) if runtime else 1
    task, address = _thread_tasks.task_for(type(args))
    yield_thread = runtime.yield_thread if runtime else 0
    task[0] = 0, 0, Team(address, address + CACHE_LINE, threads, yield_thread), args
    if runtime is None or threads == 1:
        entry(address)
    else:
        runtime.parallel(entry, address, threads, 0)


def parallel_for(work: Callable[[int, _Args], None]) -> Callable[[Team, int, int, _Args], int]:
    """Make a compiled loop over `work(iteration, args)` whose iterations are shared among a team.

    The loop is called as `loop(team, begin, count, args)` and runs work(0, args) to work(count - 1, args).
    Every thread of the team calls it; iterations start once all iterations of earlier loops are done. Iterations are
    numbered through a whole task: those of this loop from `begin` on, and it returns the `begin` of the next loop. It
    may return before the last iterations are done, and a late thread simply takes fewer of them.
    """

    @subroutine
    def loop(team: Team, begin: int, count: int, args: _Args) -> int:
        end, finished = begin + count, 0
        if atomic_load(team.claimed) < end:
            _wait_for_iterations(team, begin)
        iteration = _claim_iteration(team, end)
        while iteration < end:
            work(iteration - begin, args)
            finished += 1
            iteration = _claim_iteration(team, end)
        if finished:
            atomic_add(team.done, finished)
        return end

    return cast("Callable[[Team, int, int, _Args], int]", loop)


@subroutine
def _claim_iteration(team: Team, end: int) -> int:
    """Claim the next iteration before `end` and return its number; return `end` if there is none."""
    iteration: int = atomic_load(team.claimed)
    while iteration < end:
        if compare_and_swap(team.claimed, iteration, iteration + 1):
            return iteration
        iteration = atomic_load(team.claimed)
    return end


@subroutine
def _wait_for_iterations(team: Team, count: int) -> None:
    """Return when `count` iterations are done; what they wrote can then be read.

    A thread that waits for long lets others run, perhaps the one that it waits for.
    """
    spins = 0
    while atomic_load(team.done) < count:
        spins += 1
        if spins > _SPINS:
            call_c_function(team.yield_thread)


class OpenMPRuntime:
    """Entry points of GNU's OpenMP runtime."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.parallel = library.GOMP_parallel
        """`parallel(function, argument, threads, flags)` calls function(argument) on every thread."""
        self.parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        self.parallel.restype = None
        self.yield_thread = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0
        """Address of the C function that lets other threads run."""


@cache
def _compile_entry(function: EntryFunction) -> Any:
    """Return an entry function as a C function, of ctypes."""
    with jit.compiling:
        if machine_code.IS_SUPPORTED:
            code = code_cache.fetch(function, "entry", partial(fingerprint_of, function), partial(_build, function))
            if code is not None:
                return _C_FUNCTION(machine_code.load(code))
        compiled = _compile_by_numba(function)
        _kept.append(compiled)
        return compiled.ctypes


def _compile_by_numba(function: EntryFunction) -> Any:
    """Return an entry function as Numba has it, from its cache where it can write to a folder."""
    numba = import_module("numba")
    cfunc = partial(numba.cfunc, numba.types.void(numba.types.int64), error_model="numpy")
    with suppress(RuntimeError):
        return cfunc(cache=True)(function)
    return cfunc()(function)


def _build(function: EntryFunction) -> machine_code.MachineCode | None:
    from models.kernels.native.build import build_c_entry

    return build_c_entry(function)


@cache
def load_runtime() -> OpenMPRuntime | None:
    """Return the OpenMP runtime that comes with torch, or None if it is not GNU's.

    Torch is not imported for this, since that takes a second which n-gram models have no other need of. Where it is not
    installed, its runtime may have been put among the libraries of the environment.
    """
    folders = [Path(sys.prefix, "lib")]
    spec = find_spec("torch")
    if spec is not None and spec.origin is not None:
        torch_folder = Path(spec.origin).parent
        folders = [torch_folder / "lib", torch_folder.with_name("torch.libs")]
    for path in (path for folder in folders for path in folder.glob("libgomp*")):
        return OpenMPRuntime(ctypes.CDLL(str(path)))
    return None
