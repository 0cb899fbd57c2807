"""kill -9 of worker, child and service, at random moments: every job ends succeeded, once, as if nothing had happened.

A job that was never disturbed comes first; each one after it must end with the same weights and the same metrics, bit
for bit and step for step, published once, with nothing left behind.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.prove.fleet import Fleet, fleet, text

KILLS = int(os.environ.get("PROVE_KILLS", "20"))
"""Of each victim, on each database."""
KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"kind": "lstm", "config": {"layers": 1, "hidden_size": 24, "embedding_size": 24, "epochs": 6, "bptt": 8}},
    "ngram": {"kind": "ngram", "config": {"order": 4}},
}


@dataclass(frozen=True)
class Undisturbed:
    """How a job ends when nobody is killed."""

    weights: bytes
    metrics: list[dict[str, Any]]


def request(kind: str, file: str) -> dict[str, Any]:
    return {"name": kind, "training_file": file, **KINDS[kind]}


def undisturbed(running: Fleet, kind: str, file: str) -> Undisturbed:
    job = running.wait(running.submit(request(kind, file), f"{kind}-undisturbed"))
    assert job["status"] == "succeeded", job["error"]
    metrics = running.metrics(job["id"])
    if kind == "lstm":  # as `training` reports: every ten steps, and after each validation
        steps = [point["step"] for point in metrics]
        assert set(range(10, steps[-1] + 1, 10)) <= set(steps)
        assert steps == sorted(set(steps))
    return Undisturbed(running.weights(job["model"]), metrics)


def disturb(running: Fleet, victim: str, kills: int, file: str, numbers: random.Random) -> list[str]:
    """Kill the victim so often while a job is at work; the jobs."""
    jobs: list[str] = []
    killed = 0
    while killed < kills:
        if not jobs or not is_open(running, jobs[-1]):
            kind = ("lstm", "lstm", "ngram")[len(jobs) % 3]
            jobs.append(running.submit(request(kind, file), f"{victim}-{len(jobs)}"))
        wait_for_a_moment(running, jobs[-1], numbers)
        if running.is_working() and is_open(running, jobs[-1]):
            killed += running.kill(victim)
    return jobs


def is_open(running: Fleet, job_id: str) -> bool:
    return running.job(job_id)["status"] in ("queued", "running")


def wait_for_a_moment(running: Fleet, job_id: str, numbers: random.Random) -> None:
    """Any moment in the life of an attempt: while it starts, anywhere in its work, or about when it is published."""
    until = numbers.choice(["starting", "working", "working", "ending"])
    while not running.is_working() and is_open(running, job_id):
        time.sleep(0.2)
    before = running.job(job_id)["progress"]
    goal = 0.97 if until == "ending" else numbers.random()
    while until != "starting" and is_open(running, job_id) and running.is_working():
        progress = running.job(job_id)["progress"]
        if progress != before and (progress["phase"] != "training" or progress["fraction"] >= goal):
            break
        time.sleep(0.2)
    time.sleep(numbers.uniform(0, 3.0 if until == "starting" else 0.7))


def check(running: Fleet, job_id: str, expected: dict[str, Undisturbed]) -> int:
    """The job ended as if nothing had happened; how many attempts it took."""
    job = running.wait(job_id)
    assert job["status"] == "succeeded", job["error"]
    wanted = expected[job["kind"]]
    assert running.weights(job["model"]) == wanted.weights
    assert running.metrics(job_id) == wanted.metrics
    assert running.published()[job["model"]] == job_id
    assert running.events(job_id).count("succeeded") == 1
    return int(job["attempt"])


def prove(running: Fleet, victims: dict[str, int], tmp_path: Path) -> None:
    file = running.client.upload(text(tmp_path / "text.txt"))
    expected = {kind: undisturbed(running, kind, file) for kind in KINDS}
    print(f"{victims}: undisturbed, {len(expected['lstm'].metrics)} steps are measured", flush=True)
    numbers = random.Random(os.environ.get("PROVE_SEED", "1"))
    jobs = [job for victim, kills in victims.items() for job in disturb(running, victim, kills, file, numbers)]
    attempts = sum(check(running, job, expected) for job in jobs)
    made = list(running.published().values())
    assert len(made) == len(set(made)) == len(jobs) + len(KINDS)
    assert running.left_over() == []
    print(f"{victims}: {len(jobs)} jobs in {attempts} attempts, each published once")


def test_a_few_kills_of_everything(tmp_path: Path, database_url: str) -> None:
    with fleet(tmp_path, database_url) as running:
        prove(running, {"child": 1, "worker": 1, "service": 1}, tmp_path)


@pytest.mark.prove
@pytest.mark.parametrize("victim", ["worker", "child", "service"])
def test_many_kills(tmp_path: Path, database_url: str, victim: str) -> None:
    with fleet(tmp_path, database_url, beside=victim == "service") as running:
        prove(running, {victim: KILLS}, tmp_path)
