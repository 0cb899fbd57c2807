"""Jobs asked for over HTTP and a worker that does them, for tests of training."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.cli.commands.worker import build_worker
from app.stores import Stores
from app.worker.run_protocol import RunSpec
from models.checkpoint.card import CARD_FILE
from tests.helpers.serving import Server, wait_for

PACE = {"heartbeat_seconds": 0.1, "job_niceness": 0, "job_threads": 1, "job_slots": 1}
"""Settings of a service whose jobs report often."""
LSTM = {"layers": 1, "hidden_size": 16, "embedding_size": 16, "batch_size": 4, "bptt": 8}


@contextmanager
def working(own: Server) -> Iterator[None]:
    """A worker, stopped in order at the end."""
    stores, stop = Stores.open(own.app.state.settings), threading.Event()
    thread = threading.Thread(target=build_worker(own.app.state.settings, stores, stop).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        stores.database.close()


def upload(client: httpx.Client, text: str | bytes, name: str = "corpus.txt") -> str:
    return str(client.post("/v1/files", files={"file": (name, text)}).json()["id"])


def ask(client: httpx.Client, **body: object) -> dict:
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def over(client: httpx.Client, job: dict) -> dict:
    def done() -> bool:
        job.update(client.get(f"/v1/jobs/{job['id']}").json())
        return job["status"] not in ("queued", "running", "cancelling")

    wait_for(done, seconds=240, pause=0.1)
    return job


def begun(client: httpx.Client, job: dict) -> None:
    """Wait until the training has measured something."""
    wait_for(lambda: client.get(f"/v1/jobs/{job['id']}/metrics").json()["data"], seconds=120, pause=0.05)


def left_over(own: Server) -> list[Path]:
    settings = own.app.state.settings
    return [*(settings.data / "jobs").glob("*"), *(settings.checkpoints / ".jobs").glob("*")]


def write_card(directory: Path, job_id: str | None) -> None:
    directory.mkdir(parents=True)
    provenance = {"command": "c", "licence": "l", "corpus": {}, "recipe": {}, "metrics": {"training": 1}, "job": job_id}
    named = {"kind": "ngram", "created": "2026-01-01T00:00:00+00:00", "provenance": provenance}
    numbers = {"format": 1, "vocabulary_size": 2, "parameters": 3}
    tables: dict[str, dict[str, str]] = {"config": {}, "tokenizer": {}, "versions": {}, "files": {}}
    (directory / CARD_FILE).write_text(json.dumps({**named, **numbers, **tables}))


RUN_SPEC = RunSpec("job-1", {"kind": "ngram"}, "work", "staging", "checkpoints", 3, 1.0)
