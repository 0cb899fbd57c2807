"""Machines that share a database and an object store: one dies over a job, another ends it."""

from __future__ import annotations

from pathlib import Path

from app.storage.replication.objects import Objects
from app.storage.replication.shared_states import SharedStates
from tests.helpers.databases import sqlite_url
from tests.helpers.fleet import Fleet, text
from tests.helpers.serving import wait_for

JOB = {
    "kind": "lstm",
    "name": "words",
    "config": {"layers": 1, "hidden_size": 24, "embedding_size": 24, "epochs": 60, "bptt": 8},
}


def test_job_goes_on_at_another_machine_when_its_own_dies(tmp_path: Path, store_url: str) -> None:
    states = SharedStates(Objects(store_url))
    environment = {"NEXTWORD_STORE": store_url, "NEXTWORD_STORE_SECONDS": "0.3"}
    one, two = (Fleet(tmp_path / name, sqlite_url(tmp_path), environment=environment) for name in ("one", "two"))
    try:
        one.begin_all()
        request = JOB | {"training_file": one.client.upload(text(tmp_path / "text.txt", 800))}
        undisturbed = one.wait(one.submit(request, "undisturbed"))
        job_id = one.submit(request, "disturbed")
        wait_for(lambda: states.fetch(job_id, 1, "training.safetensors", tmp_path / "state"), seconds=60)
        one.processes["worker"].kill()
        two.begin("worker")
        job = one.wait(job_id)
        assert (job["status"], job["attempt"]) == ("succeeded", 2)
        assert two.weights(job["model"]) == one.weights(undisturbed["model"])
        assert one.metrics(job_id) == one.metrics(undisturbed["id"])
        wait_for(lambda: job["model"] in one.published())  # for its server
        assert states.job_ids() == set()
    finally:
        one.stop()
        two.stop()
