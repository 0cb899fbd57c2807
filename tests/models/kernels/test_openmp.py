"""Every turn is taken once and what is before it is done, with threads and without."""

import numpy as np
import pytest
import torch
from numba import njit
from numba.np.numpy_support import carray

from models.kernels import openmp
from models.kernels.jit import pointer

TURNS = 1000
PARTS = 20
COUNTING = np.dtype([(name, np.int64) for name in ("taken", "sums", "sizes")])


@openmp.parallel_for
@njit
def mark(turn, call):
    carray(pointer(call.taken), TURNS, np.int64)[turn] += 1


@openmp.parallel_for
@njit
def add_up(turn, given):
    """What has been marked by whoever in the parts before."""
    part, size, call = given
    carray(pointer(call.sums), (PARTS, 3), np.int64)[part, turn] = carray(pointer(call.taken), TURNS, np.int64).sum()
    carray(pointer(call.sizes), PARTS, np.int64)[part] = size


def count(address):
    task = carray(address, 1, TASK)[0]
    begin = 0
    for part in range(PARTS):
        begin = mark(task.team, begin, TURNS, task.work)
        begin = mark(task.team, begin, 0, task.work)
        begin = add_up(task.team, begin, 3, (part, task.team.size, task.work))


TASK = openmp.task_record(COUNTING)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def counted(cost: int) -> int:
    """How many members the team has."""
    taken, sums, sizes = np.zeros(TURNS, np.int64), np.zeros((PARTS, 3), np.int64), np.zeros(PARTS, np.int64)
    openmp.run_parallel(count, (taken.ctypes.data, sums.ctypes.data, sizes.ctypes.data), COUNTING, cost)
    assert (taken == PARTS).all()
    assert (sums == TURNS * np.arange(1, PARTS + 1)[:, None]).all()
    (size,) = set(sizes.tolist())
    return size


def test_little_work_is_done_by_the_caller_alone(two_threads):
    assert counted(cost=10) == 1


@pytest.mark.skipif(openmp.load_runtime() is None, reason="torch brought no GNU OpenMP here")
def test_much_work_is_shared_by_as_many_threads_as_torch_may_use(two_threads):
    for _ in range(50):
        assert counted(cost=10**9) == 2
    torch.set_num_threads(1)
    assert counted(cost=10**9) == 1


@pytest.mark.skipif(openmp.load_runtime() is None, reason="torch brought no GNU OpenMP here")
def test_more_threads_than_processors_finish_all_the_same(two_threads):
    torch.set_num_threads(16)
    for _ in range(20):
        assert counted(cost=10**9) == 16


def test_without_a_runtime_the_caller_works_alone(two_threads, monkeypatch):
    monkeypatch.setattr(openmp, "load_runtime", lambda: None)
    assert counted(cost=10**9) == 1
