"""A database that is locked or gone during a training: requests are refused, and the job goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.storage import database
from tests.helpers.databases import postgresql_server
from tests.helpers.jobs import LSTM, PACE, ask, begun, over, upload, working
from tests.helpers.serving import Server, serving, wait_for
from tests.helpers.texts import some_text


@contextmanager
def client_of(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def train(client: httpx.Client) -> dict:
    file = upload(client, some_text(300))
    job = ask(client, name="patient", kind="lstm", training_file=file, config={**LSTM, "epochs": 2})
    begun(client, job)
    return job


def refused(client: httpx.Client) -> bool:
    answer = client.post("/v1/files", content=b"text", headers={"content-type": "text/plain"})
    return answer.status_code == 503 and answer.json()["error"]["code"] == "database_unavailable"


def check(client: httpx.Client, job: dict) -> None:
    """The job ended as if there had been no outage."""
    after = over(client, job)
    assert (after["status"], after["attempt"]) == ("succeeded", 1), after["error"]
    events = [event["event"] for event in client.get(f"/v1/jobs/{job['id']}/events").json()["data"]]
    assert events == ["queued", "started", "publishing", "succeeded"]
    steps = [point["step"] for point in client.get(f"/v1/jobs/{job['id']}/metrics").json()["data"]]
    assert set(range(10, steps[-1] + 1, 10)) <= set(steps)


def test_job_outlasts_a_locked_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.1)
    with serving(tmp_path / "checkpoints", data=tmp_path, **PACE) as own, client_of(own) as client, working(own):
        job = train(client)
        other = sqlite3.connect(tmp_path / "nextword.db", isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        assert refused(client)
        time.sleep(2)
        other.execute("ROLLBACK")
        other.close()
        check(client, job)


def test_job_outlasts_a_stopped_postgresql(tmp_path: Path) -> None:
    with postgresql_server() as server:
        settings = {"database_url": server.create(), **PACE}
        with serving(tmp_path / "checkpoints", **settings) as own, client_of(own) as client, working(own):
            job = train(client)
            server.stop()
            wait_for(lambda: refused(client))
            time.sleep(2)
            server.start()
            check(client, job)
