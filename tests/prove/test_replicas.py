"""Three servers behind HAProxy answer every question while they are killed and replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale._askers import Askers, Question
from benchmarks.scale._replicas import DRAIN_SECONDS, SEEN_SECONDS, Replicas, find_haproxy, haproxy
from tests.helpers.serving import Server, publish_all

ROUNDS = int(os.environ.get("PROVE_REPLICA_ROUNDS", "10"))
"""Times that each server is killed and replaced."""
CLIENTS = 4
needs_haproxy = pytest.mark.skipif(
    find_haproxy() is None,
    reason="HAProxy is not installed (apt-get install haproxy): nothing shows that replicas work",
)


def questions() -> list[Question]:
    """Questions to models of every kind, and to the database."""

    def of(model: str, route: str, field: str, **body: Any) -> Question:
        return Question("POST", f"/v1/models/{model}/{route}", body, field)

    return [
        of("words", "next", "data", context="the old dog"),
        of("lstm", "next", "data", context="a bird saw the cat"),
        of("gru", "generate", "choices", prompt="the cat", max_tokens=20, seed=7, ignore_end=True),
        of("letters", "generate", "choices", prompt="the ", max_tokens=40, seed=3, ignore_end=True),
        of("words", "probability", "data", text=["the cat saw a bird ."] * 20),
        of("lstm", "perplexity", "perplexity", text="the cat saw a bird .\n" * 50),
        Question("GET", "/v1/models", None, "data"),
        Question("GET", "/v1/jobs", None, "data"),
    ]


@pytest.fixture
def postgresql_url(postgresql: Any, migrated_postgresql: str) -> str:
    return str(postgresql.create(migrated_postgresql))


def as_it_drains(server: Server) -> None:
    """End a server of this process as one of its own ends."""
    server.app.state.in_flight.draining = True
    time.sleep(DRAIN_SECONDS)
    server.stop()


@needs_haproxy
def test_replicas_answer_all_while_one_is_killed_and_one_replaced(tmp_path: Path, postgresql_url: str) -> None:
    checkpoints, shared = tmp_path / "checkpoints", {"data": tmp_path / "data", "database_url": postgresql_url}
    publish_all(checkpoints)
    replicas = Replicas(checkpoints, tmp_path / "data", postgresql_url)
    with replicas.running(1), ExitStack() as stack:
        second, third, another = (Server.of(checkpoints, port=replicas.ports[n], **shared) for n in (1, 2, 1))
        for server in (second, third):
            server.begin()
            stack.callback(server.stop)
        proxy = stack.enter_context(haproxy(replicas.ports))
        askers = Askers(proxy.port, questions())
        with askers.asking(CLIENTS):
            time.sleep(0.3)
            replicas.kill(0)
            time.sleep(0.3)
            as_it_drains(second)
            another.begin()
            stack.callback(another.stop)
            time.sleep(SEEN_SECONDS)
    assert askers.failures == []
    assert len(askers.seconds) > 100


def fail_over(replicas: Replicas, killed: int, replaced: Sequence[int]) -> None:
    """Kill a server and begin it again, then replace others, one after the other."""
    time.sleep(1)
    replicas.kill(killed)
    time.sleep(1)
    replicas.begin(killed)
    time.sleep(SEEN_SECONDS)
    assert [replicas.replace(number) for number in replaced] == [0] * len(replaced)


@pytest.mark.prove
@needs_haproxy
def test_replicas_answer_all_while_each_is_killed_and_replaced(tmp_path: Path, postgresql_url: str) -> None:
    publish_all(tmp_path / "checkpoints")
    replicas = Replicas(tmp_path / "checkpoints", tmp_path / "data", postgresql_url)
    with replicas.running(), haproxy(replicas.ports) as proxy:
        askers = Askers(proxy.port, questions())
        with askers.asking(CLIENTS):
            for number in range(ROUNDS):
                fail_over(replicas, number % 3, [(number + 1) % 3, (number + 2) % 3])
    print(f"{len(askers.seconds)} answers, the slowest in {max(askers.seconds):.2f} s; {len(askers.failures)} failures")
    assert askers.failures == []
