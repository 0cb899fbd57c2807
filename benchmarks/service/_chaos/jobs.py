"""Jobs of the load: each accepted one must end once, as an undisturbed one does."""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.service._chaos.caller import Caller
from benchmarks.service._chaos.cluster import Cluster
from tests.helpers.fleet import text

KINDS: dict[str, dict[str, Any]] = {
    "ngram": {"kind": "ngram", "config": {"order": 3}},
    "lstm": {"kind": "lstm", "config": {"layers": 1, "hidden_size": 24, "embedding_size": 24, "epochs": 3, "bptt": 8}},
}
TRAINING_LINES = 500
OPEN = ("queued", "running", "cancelling")
ENDS = ("succeeded", "failed", "cancelled")
FULL_DISK_CODES = ("disk_full", "not_started", "not_published")
"""Codes with which a job may fail while the disk is full."""
CANCELLED_SHARE = 0.15
WAIT_SECONDS = 300.0
"""Longest that a job may take once nothing is disturbed any more."""


@dataclass
class Accepted:
    """A job that was accepted."""

    id: str
    kind: str
    since: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    """Whether a cancel was asked for."""


@dataclass(frozen=True)
class Undisturbed:
    """Model and metrics of a job during which nothing was disturbed."""

    model: str
    weights: str
    metrics: list[dict[str, Any]]


class Jobs:
    """Jobs that are asked for, looked at, cancelled now and then, and checked at their end."""

    def __init__(self, cluster: Cluster, caller: Caller) -> None:
        """Upload a text, and make a model of each kind while nothing is disturbed."""
        self._cluster = cluster
        self._file = cluster.client.upload(text(cluster.data.parent.parent / "text.txt", TRAINING_LINES))
        self._open: list[Accepted] = []
        self.undisturbed = {kind: self._make(caller, kind) for kind in KINDS}

    def _make(self, caller: Caller, kind: str) -> Undisturbed:
        job = self._submit(caller, kind, f"{kind}-undisturbed")
        while (row := self._describe(caller, job))["status"] in OPEN:
            time.sleep(0.1)
        assert row["status"] == "succeeded", row
        metrics = caller.insist("GET", f"/v1/jobs/{job.id}/metrics").json()["data"]
        return Undisturbed(row["model"], self._weights(row["model"]), metrics)

    def _weights(self, model: str) -> str:
        return hashlib.sha256(self._cluster.weights(model)).hexdigest()

    def _submit(self, caller: Caller, kind: str, name: str) -> Accepted:
        """Ask for a job as often as it takes; its key makes it one."""
        body = {"name": name, "training_file": self._file, **KINDS[kind]}
        headers = {"idempotency-key": secrets.token_hex(8)}
        answer = caller.insist("POST", "/v1/jobs", json=body, headers=headers)
        return Accepted(answer.json()["id"], kind)

    def _describe(self, caller: Caller, job: Accepted) -> dict[str, Any]:
        row: dict[str, Any] = caller.insist("GET", f"/v1/jobs/{job.id}").json()
        return row

    def take_turn(self, caller: Caller) -> None:
        """Ask for a job where there are few, look at the open ones, and check what has ended."""
        if len(self._open) < 4:
            kind = random.choice(list(KINDS))
            job = self._submit(caller, kind, kind)
            self._open.append(job)
            if random.random() < CANCELLED_SHARE:
                time.sleep(random.uniform(0, 2))
                job.cancelled = True
                caller.call("POST", f"/v1/jobs/{job.id}/cancel")
        self._look(caller, random.choice(self._open).id)
        for job in list(self._open):
            if (row := self._describe(caller, job))["status"] not in OPEN:
                self._open.remove(job)
                self._check(caller, job, row)
        time.sleep(0.1)

    def _look(self, caller: Caller, job_id: str) -> None:
        if random.random() < 0.2:
            caller.call(
                "POST", "/v1/jobs/estimate", json={"name": "lstm", "training_file": self._file, **KINDS["lstm"]}
            )
        path = random.choice(["/v1/jobs", f"/v1/jobs/{job_id}/events", f"/v1/jobs/{job_id}/metrics"])
        caller.call("GET", path)

    def finish(self, caller: Caller) -> None:
        """Wait for all that is open, and check it."""
        deadline = time.monotonic() + WAIT_SECONDS
        for job in self._open:
            while (row := self._describe(caller, job))["status"] in OPEN and time.monotonic() < deadline:
                time.sleep(0.2)
            self._check(caller, job, row)

    def _check(self, caller: Caller, job: Accepted, row: dict[str, Any]) -> None:
        """Check how a job ended; delete its model."""
        ledger, status = caller.ledger, row["status"]
        events = [event["event"] for event in caller.insist("GET", f"/v1/jobs/{job.id}/events").json()["data"]]
        ended = [event for event in events if event in ENDS]
        ledger.check("every job ends exactly once", ended == [status], f"{row} {events}")
        if status == "cancelled":
            ledger.check("jobs are cancelled on request alone", job.cancelled, str(row))
            return
        if status == "failed":
            excused = row["error"]["code"] in FULL_DISK_CODES and ledger.is_disturbed(["disk"], job.since)
            ledger.check("jobs fail for want of room alone", excused, str(row))
            ledger.answer(f"job failed: {row['error']['code']}")
            return
        if status == "succeeded":
            self._check_model(caller, job, row)

    def _check_model(self, caller: Caller, job: Accepted, row: dict[str, Any]) -> None:
        ledger, expected = caller.ledger, self.undisturbed[job.kind]
        metrics = caller.insist("GET", f"/v1/jobs/{job.id}/metrics").json()["data"]
        ledger.check(
            "weights are those of an undisturbed job", self._weights(row["model"]) == expected.weights, str(row)
        )
        ledger.check("metrics are those of an undisturbed job", metrics == expected.metrics, f"{row} {metrics}")
        caller.insist("DELETE", f"/v1/models/{row['model']}", 404)
