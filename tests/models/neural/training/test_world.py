"""The place of a process among several, and how it finds the others."""

from __future__ import annotations

import socket

import pytest

from models.errors import InvalidInput, TrainingFailed
from models.neural.training.world import ALONE, World, join_world
from models.utils.progress import Progress, run_to_completion

MEETING = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


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


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in MEETING.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_join_world_is_alone_where_nothing_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORLD_SIZE", "1")
    with join_world() as world:
        assert world.is_alone
        assert world.is_first
    environment.delenv("WORLD_SIZE")
    with join_world() as world:
        assert world.is_alone


@pytest.mark.parametrize("name", ["RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_join_world_names_a_variable_that_is_missing(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(InvalidInput, match=f"{name}: must be set where WORLD_SIZE is 2"), join_world():
        pass


@pytest.mark.parametrize("size", ["two", "0", "-1", "1.5", ""])
def test_join_world_refuses_a_size_that_is_no_number(environment: pytest.MonkeyPatch, size: str) -> None:
    environment.setenv("WORLD_SIZE", size)
    with pytest.raises(InvalidInput, match="WORLD_SIZE: must be a number of processes"), join_world():
        pass


def test_join_world_fails_where_the_others_do_not_come(environment: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:  # nobody listens there
        server.bind(("127.0.0.1", 0))
        port = str(server.getsockname()[1])
        environment.setenv("MASTER_PORT", port)
        with pytest.raises(TrainingFailed, match=f"do not meet at 127.0.0.1:{port}"), join_world(timeout_seconds=1.0):
            pass
