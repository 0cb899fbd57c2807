"""The composition of replicas as it is shipped: a server killed and one replaced, and every question is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchmarks.scale._askers import Askers, Question
from tests.helpers.composition import Composition, out, require

pytestmark = pytest.mark.container

PROXY = "haproxy:2.6-bookworm"
QUESTIONS = [
    Question("POST", "/v1/models/gutenberg-kn/next", {"context": "it was the best of"}, "data"),
    Question(
        "POST", "/v1/models/gutenberg-lstm/generate", {"prompt": "It was", "max_tokens": 10, "seed": 1}, "choices"
    ),
    Question("GET", "/v1/models", None, "data"),
    Question("GET", "/v1/jobs", None, "data"),
]


@pytest.fixture(scope="module")
def replicas(compose_command: list[str]) -> Iterator[Composition]:
    require(PROXY)
    composition = Composition([*compose_command, "-f", "deploy/compose.replicas.yaml"], {})
    try:
        composition("up", "-d")
        composition.wait_until_ready("haproxy")
        yield composition
    finally:
        composition("down", "-v")


def healthy(compose: Composition, server: str) -> bool:
    """Whether the engine has found a server ready."""
    container = compose("ps", "-q", server)
    return out("docker", "inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"


def wait_until_healthy(compose: Composition, server: str) -> None:
    for _ in range(240):
        if healthy(compose, server):
            return
        time.sleep(0.5)
    pytest.fail(f"{server} is not healthy:\n{compose('logs', server)}")


def test_replicas_answer_while_one_is_killed_and_one_replaced(replicas: Composition) -> None:
    askers = Askers(int(replicas.address.rpartition(":")[2]), QUESTIONS)
    with askers.asking(3):
        time.sleep(2)
        out("docker", "kill", replicas("ps", "-q", "server-1"))
        time.sleep(2)
        replicas("up", "-d", "--no-deps", "server-1")
        wait_until_healthy(replicas, "server-1")
        replicas("up", "-d", "--no-deps", "--force-recreate", "server-2")
        wait_until_healthy(replicas, "server-2")
        time.sleep(2)
    assert askers.failures == []
    assert len(askers.seconds) > 100
