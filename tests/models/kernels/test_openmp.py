"""A parallel for loop: iterations run once, after those of earlier loops, with threads and without."""

from typing import NamedTuple

import numpy as np
import pytest

from models.kernels import openmp
from models.kernels.jit import array_at, subroutine
from models.kernels.openmp import parallel_for, record_dtype, run_parallel, task_record
from models.threads import set_thread_count, thread_count

ITERATIONS = 1000
LOOPS = 20


class CountingArgs(NamedTuple):
    marks: int
    sums: int
    sizes: int


class NestedArgs(NamedTuple):
    first: int
    counting: CountingArgs


@parallel_for
@subroutine
def mark(iteration, args):
    array_at(args.marks, ITERATIONS, np.int64)[iteration] += 1


@parallel_for
@subroutine
def add_up(iteration, args):
    """Sum the marks that any thread has made in the loops before."""
    loop, size, call = args
    array_at(call.sums, (LOOPS, 3), np.int64)[loop, iteration] = array_at(call.marks, ITERATIONS, np.int64).sum()
    array_at(call.sizes, LOOPS, np.int64)[loop] = size


def count(task_address):
    task = array_at(task_address, 1, TASK)[0]
    begin = 0
    for loop in range(LOOPS):
        begin = mark(task.team, begin, ITERATIONS, task.args)
        begin = mark(task.team, begin, 0, task.args)
        begin = add_up(task.team, begin, 3, (loop, task.team.size, task.args))


TASK = task_record(CountingArgs)


@pytest.fixture
def two_threads():
    before = thread_count()
    set_thread_count(2)
    yield
    set_thread_count(before)


def team_size(cost: int) -> int:
    """Run all loops, check what they counted, and return the size of the team."""
    marks, sums, sizes = np.zeros(ITERATIONS, np.int64), np.zeros((LOOPS, 3), np.int64), np.zeros(LOOPS, np.int64)
    args = CountingArgs(marks=marks.ctypes.data, sums=sums.ctypes.data, sizes=sizes.ctypes.data)
    run_parallel(count, args, cost)
    assert (marks == LOOPS).all()
    assert (sums == ITERATIONS * np.arange(1, LOOPS + 1)[:, None]).all()
    (size,) = set(sizes.tolist())
    return size


def test_run_parallel_does_little_work_in_the_calling_thread(two_threads):
    assert team_size(cost=10) == 1


@pytest.mark.skipif(openmp.load_runtime() is None, reason="torch brought no GNU OpenMP here")
def test_run_parallel_shares_much_work_among_as_many_threads_as_torch_may_use(two_threads):
    for _ in range(50):
        assert team_size(cost=10**9) == 2
    set_thread_count(1)
    assert team_size(cost=10**9) == 1


@pytest.mark.skipif(openmp.load_runtime() is None, reason="torch brought no GNU OpenMP here")
def test_run_parallel_finishes_with_more_threads_than_processors(two_threads):
    set_thread_count(16)
    for _ in range(20):
        assert team_size(cost=10**9) == 16


def test_run_parallel_works_alone_without_a_runtime(two_threads, monkeypatch):
    monkeypatch.setattr(openmp, "load_runtime", lambda: None)
    assert team_size(cost=10**9) == 1


def test_record_dtype_has_the_fields_of_a_named_tuple():
    record = np.zeros(1, record_dtype(NestedArgs))
    record[0] = NestedArgs(first=1, counting=CountingArgs(marks=2, sums=3, sizes=4))
    assert record[0].tolist() == (1, (2, 3, 4))
    assert record.dtype.names == ("first", "counting")
