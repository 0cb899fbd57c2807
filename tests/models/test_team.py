"""Every turn is taken once and waiting is waited, with threads and without."""

import numpy as np
import pytest
import torch
from numba.np.numpy_support import carray

from models import team
from models.instructions import count_up, pointer
from models.team import TEAM, rank_of, size_of, wait

TURNS = 1000
COUNTING = np.dtype([*TEAM, ("taken", np.int64), ("sums", np.int64), ("members", np.int64)])


def count(address):
    """Take turns, marking each; after all are taken every thread sums them up, whoever marked them."""
    call = carray(address, 1, COUNTING)[0]
    taken = carray(pointer(call.taken), TURNS, np.int64)
    turn = count_up(address)
    while turn < TURNS:
        taken[turn] += 1
        turn = count_up(address)
    wait(call)
    carray(pointer(call.sums), 8, np.int64)[rank_of(call)] = taken.sum()
    carray(pointer(call.members), 8, np.int64)[rank_of(call)] = size_of(call)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def counted(work: int) -> list[int]:
    """How many members each of at most eight threads saw."""
    taken, sums, members = (np.zeros(n, np.int64) for n in (TURNS, 8, 8))
    record = np.array([(*(0,) * len(TEAM), *(a.ctypes.data for a in (taken, sums, members)))], COUNTING)
    team.run(count, record, work)
    assert (taken == 1).all()
    assert (sums[members > 0] == TURNS).all()
    return members[members > 0].tolist()


def test_little_work_is_done_by_the_caller_alone(two_threads):
    assert counted(work=10) == [1]


@pytest.mark.skipif(team.openmp() is None, reason="torch brought no GNU OpenMP here")
def test_much_work_is_shared_by_as_many_threads_as_torch_may_use(two_threads):
    for _ in range(50):
        assert counted(work=10**9) == [2, 2]
    torch.set_num_threads(1)
    assert counted(work=10**9) == [1]


def test_without_a_runtime_the_caller_works_alone(two_threads, monkeypatch):
    monkeypatch.setattr(team, "openmp", lambda: None)
    assert counted(work=10**9) == [1]
