"""The composition under load, its containers restarted and killed, its workers scaled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from benchmarks.service._chaos.caller import Caller
from benchmarks.service._chaos.ledger import Ledger
from benchmarks.service._chaos.questions import Questions
from tests.helpers.composition import Composition, composed, out
from tests.helpers.serving import wait_for

pytestmark = [pytest.mark.container, pytest.mark.prove]

ROUNDS = int(os.environ.get("PROVE_CONTAINER_ROUNDS", "3"))
"""Rounds, in each of which everything is restarted or killed once."""
LSTM = {"layers": 1, "hidden_size": 32, "embedding_size": 32, "epochs": 2, "bptt": 16}
ENDS = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def compose(compose_command: list[str]) -> Iterator[Composition]:
    with composed(compose_command) as composition:
        yield composition


def some_text() -> bytes:
    numbers = random.Random(1)
    words = [f"word{n}" for n in range(300)]
    return "".join(" ".join(numbers.choices(words, k=10)) + "\n" for _ in range(1500)).encode()


def containers(compose: Composition, service: str) -> list[str]:
    return compose("ps", "-q", service).split()


def kill(container: str) -> None:
    """End its first process from outside, as the kernel does where memory runs out."""
    os.kill(int(out("docker", "inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)


@contextmanager
def load(compose: Composition, document: dict[str, Any], ledger: Ledger, clients: int = 2) -> Iterator[None]:
    """Ask all kinds of questions again and again, and compare the answers."""
    url, stop = f"http://{compose.address}", threading.Event()
    with closing(Caller(url, document, ledger)) as caller:
        questions = Questions(caller, document)

    def ask() -> None:
        with closing(Caller(url, document, ledger)) as caller:
            while not stop.is_set():
                questions.ask(caller)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def break_once(compose: Composition, ledger: Ledger) -> None:
    """Restart or kill each service once, and wait each time until all is ready again."""
    for kind, service, action in [
        ("process", "worker", kill),
        ("process", "api", kill),
        ("database", "postgres", kill),
        ("process", "api", lambda container: out("docker", "restart", container)),
        ("database", "postgres", lambda container: out("docker", "restart", container)),
        ("process", "worker", lambda container: out("docker", "restart", container)),
    ]:
        with ledger.disturbance(kind):
            ledger.inject(f"{service}: {kind}")
            action(random.choice(containers(compose, service)))
            wait_for(lambda: is_ready(compose), seconds=300, pause=0.2)
        time.sleep(2)


def is_ready(compose: Composition) -> bool:
    """Whether the service is ready and reaches its database, asked often enough for all its processes."""
    try:
        return all(compose.get(path) for path in ("/health/ready", "/v1/jobs") * 3)
    except httpx.HTTPError:
        return False


class Patient:
    """A client that repeats what is not answered."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, method: str, path: str, **options: Any) -> Any:
        deadline = time.monotonic() + 400
        while True:
            try:
                return self._client.request(method, path, **options).raise_for_status().json()
            except httpx.HTTPError:
                assert time.monotonic() < deadline, f"{method} {path} is not answered"
                time.sleep(0.2)

    def submit(self, file: str, key: str) -> str:
        body = {"name": "survivor", "kind": "lstm", "training_file": file, "config": LSTM}
        return str(self.ask("POST", "/v1/jobs", json=body, headers={"idempotency-key": key})["id"])

    def model_of(self, job: str) -> str:
        """The model of a job, which ends succeeded, once."""
        wait_for(lambda: self.ask("GET", f"/v1/jobs/{job}")["status"] in ENDS, seconds=300, pause=0.5)
        row = self.ask("GET", f"/v1/jobs/{job}")
        assert row["status"] == "succeeded", row
        events = [event["event"] for event in self.ask("GET", f"/v1/jobs/{job}/events")["data"]]
        assert [event for event in events if event in ENDS] == ["succeeded"]
        return str(row["model"])


def test_nothing_is_lost(compose: Composition) -> None:
    ledger, document, jobs = Ledger(), compose.get("/openapi.json"), []
    opened = httpx.Client(base_url=f"http://{compose.address}", timeout=60)
    with opened, load(compose, document, ledger):
        client = Patient(opened)
        file = client.ask("POST", "/v1/files", files={"file": ("text.txt", some_text())})["id"]
        for number in range(ROUNDS):
            jobs += [client.submit(file, f"{number}-{key}") for key in range(3)]
            if number == 0:
                compose("up", "-d", "--no-recreate", "--scale", "worker=3")
                assert len(containers(compose, "worker")) == 3
            break_once(compose, ledger)
        models = {client.model_of(job) for job in jobs}
        assert len(models) == len(jobs)
        wait_for(lambda: models <= set(compose.models()), seconds=60, pause=0.5)
    hashes = compose.inside("sh", "-c", "sha256sum /checkpoints/survivor/*/weights.safetensors").splitlines()
    assert len(hashes) == len(jobs)
    assert len({line.split()[0] for line in hashes}) == 1, "the jobs are alike, and so are their weights"
    print(f"{dict(ledger.faults)}: {len(jobs)} jobs; answers: {dict(ledger.answers)}")
    assert ledger.breaches == []
    assert ledger.checks["every answer is right"] > 100
