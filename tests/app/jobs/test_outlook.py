"""Outlook of jobs: what they wait for and how long they may take, row by row and with real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.jobs import outlook
from app.jobs.job import Job
from app.jobs.outlook import seconds_left, waiting_reason
from app.schemas.jobs.answers import JobAnswer
from app.storage.files.sample_file import SAMPLE_ID
from app.storage.tables import Status
from app.worker import processor_share
from tests.helpers.fleet import children, is_fork_server
from tests.helpers.jobs import PACE, ask, over, working
from tests.helpers.serving import Server, serving, wait_for

QUEUED = Job(
    id="job-1",
    kind="ngram",
    name="demo",
    version=1,
    request={},
    estimate={"seconds": 20.0},
    training_file=None,
    validation_file=None,
    more_files=None,
    status=Status.QUEUED,
    created_at=1000.0,
    started_at=None,
    finished_at=None,
    attempt=1,
    lease=0,
    heartbeat_at=None,
    lease_expires_at=None,
    worker=None,
    publishing=False,
    traceparent=None,
    progress=None,
    error_code=None,
    error_message=None,
    result=None,
    position=1,
    leased_jobs=0,
    now=1060.0,
)
RUNNING = replace(
    QUEUED,
    status=Status.RUNNING,
    position=None,
    leased_jobs=1,
    started_at=1050.0,
    heartbeat_at=1059.5,
    lease_expires_at=1089.5,
)
NO_WORKER = "no worker takes it up: none seems to run; `nextword worker` starts one"


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (QUEUED, NO_WORKER),
        (replace(QUEUED, position=3), f"{NO_WORKER}; 2 queued before it"),
        (replace(QUEUED, now=1002.0), None),
        (replace(QUEUED, heartbeat_at=1059.0), None),
        (replace(QUEUED, leased_jobs=2), "it waits for a worker: all are busy, with 2 running"),
        (RUNNING, None),
        (replace(RUNNING, progress={"processor_share": 0.5}), None),
        (
            replace(RUNNING, progress={"processor_share": 0.03}),
            "it waits for the processor: lately it had 3% of one, since jobs come after requests",
        ),
        (
            replace(RUNNING, now=1099.5, leased_jobs=0),
            "its worker is lost: no sign of it for 40 seconds, and no other has taken the job up yet",
        ),
        (replace(RUNNING, status=Status.SUCCEEDED, lease_expires_at=None), None),
        (replace(QUEUED, status=Status.CANCELLED), None),
    ],
)
def test_waiting_reason_says_what_an_unfinished_job_waits_for(job: Job, reason: str | None) -> None:
    assert waiting_reason(job) == reason


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (QUEUED, 20.0),
        (RUNNING, 10.0),
        (replace(RUNNING, now=1069.0), 1.0),
        (replace(RUNNING, now=1071.0), None),
        (replace(RUNNING, progress={"seconds_left": 70.0}), 70.0),
        (replace(RUNNING, status=Status.SUCCEEDED), None),
    ],
)
def test_seconds_left_falls_while_a_job_runs(job: Job, seconds: float | None) -> None:
    assert seconds_left(job) == seconds


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(outlook, "CLAIM_SECONDS", 0.3)
    monkeypatch.setattr(processor_share, "WINDOW_SECONDS", 1.0)
    with serving(tmp_path / "checkpoints", **PACE) as running:
        yield running


def test_waiting_job_of_the_first_example_says_so_and_then_publishes_its_model(own: Server) -> None:
    def waits(job: dict, reason: str) -> None:
        wait_for(lambda: reason in (described(job)["waiting"] or ""), pause=0.05)

    def described(job: dict) -> dict[str, Any]:
        answer: dict[str, Any] = client.get(f"/v1/jobs/{job['id']}").json()
        JobAnswer.model_validate(answer)
        return answer

    with httpx.Client(base_url=own.url, timeout=60) as client:
        operation = client.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        job = ask(client, **next(iter(examples.values()))["value"])  # as "Try it out" sends it
        waits(job, "no worker takes it up")
        with client.stream("GET", f"/v1/jobs/{job['id']}/events", headers={"accept": "text/event-stream"}) as events:
            assert "event: waiting" in events.iter_lines()
        assert NO_WORKER in CliRunner().invoke(cli, ["jobs", "--url", own.url, "show", job["id"]]).output
        with working(own):
            wait_for(lambda: _fork_servers(os.getpid()))
            (child,) = _fork_servers(os.getpid())
            os.kill(child, signal.SIGSTOP)
            second = ask(client, name="second", kind="ngram", training_file=SAMPLE_ID)
            waits(second, "all are busy, with 1 running")
            waits(job, "it waits for the processor: lately it had 0% of one")
            assert described(job)["progress"]["phase"] == "starting"
            wait_for(lambda: described(job)["seconds_left"] is None)  # it takes longer than was estimated
            client.post(f"/v1/jobs/{second['id']}/cancel")
            os.kill(child, signal.SIGCONT)
            assert over(client, job)["status"] == "succeeded"
        assert (job["progress"]["fraction"], job["progress"]["seconds_left"]) == (1, 0)
        assert (job["waiting"], job["seconds_left"]) == (None, None)
        wait_for(lambda: client.get(f"/v1/models/{job['model']}").status_code == 200)


def _fork_servers(pid: int) -> list[int]:
    """The process that a job waits for until its own is forked."""
    return [child for child in children(pid) if is_fork_server(child)]
