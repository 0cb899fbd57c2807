"""kill -9 of worker, child and service, at random moments: every job ends succeeded, once, as if nothing had happened.

A job that was never disturbed comes first; each one after it must end with the same weights and the same metrics, bit
for bit and step for step, published once, with nothing left behind.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fleet import Fleet, fleet, text
from tests.helpers.serving import wait_for

KILLS = int(os.environ.get("PROVE_KILLS", "20"))
"""Of each victim, on each database, in jobs of each kind in turn."""
KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"kind": "lstm", "config": {"layers": 1, "hidden_size": 24, "embedding_size": 24, "epochs": 6, "bptt": 8}},
    "ngram": {"kind": "ngram", "config": {"order": 4}},
    "classifier": {
        "kind": "classifier",
        "format": {"format": "label_text"},
        "encoder": {"hidden_size": 16, "embedding_size": 16},
        "training": {"epochs": 5, "batch_size": 8},
    },
}
LANGUAGE_MODELS = ("lstm", "ngram")
OVERSHOOT = 1.2
"""Some kills come after the time that an attempt takes: then the job is over, and the next one's turn has come."""


@dataclass(frozen=True)
class Undisturbed:
    """How a job ends when nobody is killed."""

    weights: bytes
    metrics: list[dict[str, Any]]
    seconds: float
    """From the start of its process to the end of the job."""


def request(kind: str, file: str) -> dict[str, Any]:
    return {"name": kind, "training_file": file, **KINDS[kind]}


def labelled(path: Path) -> Path:
    """Lines of two labels, told apart by a word."""
    numbers = random.Random(1)
    words = [f"w{n}" for n in range(50)]
    lines = (f"{label} {' '.join(numbers.choices(words, k=9))} {label}s" for label in ("left", "right") * 400)
    path.write_text("\n".join(lines) + "\n")
    return path


def undisturbed(running: Fleet, kind: str, file: str) -> Undisturbed:
    job_id = running.submit(request(kind, file), f"{kind}-undisturbed")
    wait_for_work(running, job_id)
    begun = time.monotonic()
    job = running.wait(job_id)
    seconds = time.monotonic() - begun
    assert job["status"] == "succeeded", job["error"]
    metrics = running.metrics(job_id)
    if kind != "ngram":  # as `training` reports: every ten steps, and after each validation
        steps = [point["step"] for point in metrics]
        assert set(range(10, steps[-1] + 1, 10)) <= set(steps)
        assert steps == sorted(set(steps))
    return Undisturbed(running.weights(job["model"]), metrics, seconds)


def disturb(
    running: Fleet, victim: str, kills: int, file: str, expected: dict[str, Undisturbed], numbers: random.Random
) -> Counter[str]:
    """Kill the victim so often, at any moment in the life of an attempt; the jobs, and how often each was hit."""
    hits: Counter[str] = Counter()
    life = {kind: found.seconds for kind, found in expected.items()}
    while hits.total() < kills:
        kind = list(expected)[len(hits) % len(expected)]
        job_id = running.submit(request(kind, file), f"{victim}-{len(hits)}")
        hits[job_id] = 0
        while hits.total() < kills and wait_for_work(running, job_id):
            begun = time.monotonic()
            if outlives(running, job_id, numbers.uniform(0, OVERSHOOT * life[kind])):
                hits[job_id] += running.kill(victim)
            else:  # on a machine whose load changes, an attempt does not always take as long
                life[kind] = (life[kind] + time.monotonic() - begun) / 2
    return hits


def outlives(running: Fleet, job_id: str, seconds: float) -> bool:
    """Whether the job is not over after so long."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and is_open(running, job_id):
        time.sleep(min(left, 0.1))
    return is_open(running, job_id)


def is_open(running: Fleet, job_id: str) -> bool:
    return running.job(job_id)["status"] in ("queued", "running")


def wait_for_work(running: Fleet, job_id: str) -> bool:
    """Wait until a process is at work for the job; False where it is over."""
    while is_open(running, job_id):
        if running.is_working():
            return True
        time.sleep(0.05)
    return False


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


def prove(running: Fleet, victims: dict[str, int], path: Path, kinds: Sequence[str] = LANGUAGE_MODELS) -> None:
    file = running.client.upload(path)
    expected = {kind: undisturbed(running, kind, file) for kind in kinds}
    numbers = random.Random(os.environ.get("PROVE_SEED", "1"))
    asked = len(expected)
    for victim, kills in victims.items():
        hits = disturb(running, victim, kills, file, expected, numbers)
        asked += len(hits)
        attempts = sum(check(running, job, expected) for job in hits)
        print(f"{victim} killed {kills} times: {len(hits)} jobs in {attempts} attempts, each as if undisturbed")
    made = list(running.published().values())
    assert len(made) == len(set(made)) == asked
    wait_for(lambda: running.left_over() == [], seconds=120)  # what a killed worker left, others see within a minute


def test_a_few_kills_of_everything(tmp_path: Path, database_url: str) -> None:
    with fleet(tmp_path, database_url) as running:
        prove(running, {"child": 1, "worker": 1, "service": 1}, text(tmp_path / "text.txt"))


def test_a_few_kills_of_a_tasks_training(tmp_path: Path, database_url: str) -> None:
    with fleet(tmp_path, database_url) as running:
        prove(running, {"child": 1, "worker": 1}, labelled(tmp_path / "text.txt"), ["classifier"])


@pytest.mark.prove
@pytest.mark.parametrize("victim", ["worker", "child", "service"])
def test_many_kills(tmp_path: Path, database_url: str, victim: str) -> None:
    with fleet(tmp_path, database_url, beside=victim == "service") as running:
        prove(running, {victim: KILLS}, text(tmp_path / "text.txt"))


@pytest.mark.prove
@pytest.mark.parametrize("victim", ["worker", "child"])
def test_many_kills_of_a_tasks_training(tmp_path: Path, database_url: str, victim: str) -> None:
    with fleet(tmp_path, database_url) as running:
        prove(running, {victim: KILLS}, labelled(tmp_path / "text.txt"), ["classifier"])
