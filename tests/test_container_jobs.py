"""Training in the composition, jobs in PostgreSQL: a worker's container is killed, and the job ends all the same."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.helpers.composition import Composition, composed, out

pytestmark = pytest.mark.container

LSTM = {"layers": 1, "hidden_size": 64, "embedding_size": 64, "epochs": 4}


@pytest.fixture(scope="module")
def compose(compose_command: list[str]) -> Iterator[Composition]:
    with composed(compose_command) as composition:
        composition.up("--scale", "worker=3")
        yield composition


def some_text() -> bytes:
    numbers = random.Random(1)
    words = [f"word{n}" for n in range(500)]
    return "".join(" ".join(numbers.choices(words, k=10)) + "\n" for _ in range(4000)).encode()


def test_a_job_outlives_the_container_of_its_worker(compose: Composition) -> None:
    with httpx.Client(base_url=f"http://{compose.address}", timeout=60) as client:
        file = client.post("/v1/files", files={"file": ("text.txt", some_text())}).raise_for_status().json()["id"]
        asked = {"name": "survivor", "kind": "lstm", "training_file": file, "config": LSTM}
        job = f"/v1/jobs/{client.post('/v1/jobs', json=asked).raise_for_status().json()['id']}"
        first = until(client, job, lambda seen: (seen["progress"] or {}).get("phase") == "training")["worker"]
        out("docker", "kill", first.partition(":")[0])  # a container's host name is its id
        over = until(client, job, lambda seen: seen["status"] not in ("queued", "running"))
        assert over["status"] == "succeeded", over["error"]
        assert (over["attempt"], over["worker"] != first) == (2, True)
        events = [event["event"] for event in client.get(f"{job}/events").json()["data"]]
        assert (events.count("lost"), events.count("succeeded")) == (1, 1)
        until(client, "/v1/models", lambda seen: "survivor@1" in [model["id"] for model in seen["data"]])
        answer = client.post("/v1/models/survivor/next", json={"context": "word1"}).raise_for_status()
        assert answer.json()["model"] == "survivor@1"
    assert compose.inside("ls", "/checkpoints/survivor") == "1"


def until(client: httpx.Client, path: str, condition: Any, seconds: float = 240) -> dict[str, Any]:
    """What is found there as soon as it is as wanted."""
    deadline = time.monotonic() + seconds
    while not condition(seen := client.get(path).raise_for_status().json()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
    return seen
