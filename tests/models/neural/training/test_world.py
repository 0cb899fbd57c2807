"""The place of a process among several."""

from __future__ import annotations

import pytest

from models.errors import InvalidInput
from models.neural.training.world import ALONE, World
from models.utils.progress import Progress, run_to_completion


def test_world_shares_rows_in_order() -> None:
    shares = [World(rank, 3).share_of(12) for rank in range(3)]
    assert [list(range(12))[share] for share in shares] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_world_refuses_rows_that_cannot_be_shared_evenly() -> None:
    with pytest.raises(InvalidInput, match="batch_size: must be a multiple of the 3 processes"):
        World(0, 3).share_of(32)


def test_world_of_one_does_the_work_of_the_first() -> None:
    def work():
        yield Progress("validating", 1, 1)
        return 2.5

    reports: list[Progress] = []
    assert run_to_completion(ALONE.on_first(work()), reports.append) == 2.5
    assert len(reports) == 1
