"""Joining the processes that train together, as the environment tells of them."""

from __future__ import annotations

import socket

import pytest

from models.errors import InvalidInput, TrainingFailed
from models.neural.training.join import join_world

MEETING = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


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
