"""Fetching of what an attempt needs before its work begins, and the end of waiting for it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.exceptions import LeaseLost, StoreUnavailable
from app.jobs.job import Job, NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files.file_store import FileStore
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.shared_models import SharedModels
from app.worker import gathering, run_monitor
from app.worker.config import WorkerConfig, WorkerContext
from app.worker.gathering import gather
from app.worker.lease_keeper import JobCancelled
from app.worker.saved.workspaces import Workspaces
from models.checkpoint.repository import list_checkpoints
from tests.helpers.serving import ngram, publish


class Machine:
    """A worker's folders and stores, and a job that it has claimed."""

    def __init__(self, database: Database, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_monitor, "RETRY_SECONDS", 0.02)
        self.jobs, self.leases, self.models = JobStore(database), LeaseStore(database), root / "models"
        self.store = ObjectStore(f"file://{root}/store")
        self.context = WorkerContext(
            self.leases,
            FileStore(database, root / "files", 1000),
            None,
            Workspaces(root / "data", self.models),
            self.models,
            WorkerConfig(lease_seconds=30, heartbeat_seconds=0),
            threading.Event(),
            shared_models=SharedModels(self.store, self.models),
        )

    def claim(self, **request: object) -> tuple[Job, Lease]:
        self.jobs.create(NewJob("mixture", request, {}, name="demo"))
        claimed = self.leases.claim("here", 30)
        assert claimed is not None
        return claimed


@pytest.fixture
def machine(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(database, tmp_path, monkeypatch)


def test_gather_fetches_the_models_that_a_job_names(machine: Machine, tmp_path: Path) -> None:
    for name in ("one", "two", "three", "four"):
        machine.store.push(publish(tmp_path / "elsewhere", name, ngram(order=1)).path, f"{name}@1")
    job, lease = machine.claim(members=["one@1", "two@1"], routes={"en": "three@1"}, model=None, name="demo")
    gather(job, lease, machine.context)
    assert [ref.id for ref in list_checkpoints(machine.models)] == ["one@1", "three@1", "two@1"]
    assert machine.context.workspaces.workdir(job.id, 1).is_dir()


def test_gather_waits_for_a_model_that_is_on_its_way(machine: Machine, tmp_path: Path) -> None:
    job, lease = machine.claim(extends="words@1")
    path = publish(tmp_path / "elsewhere", "words", ngram(order=1)).path
    later = threading.Timer(0.2, lambda: machine.store.push(path, "words@1"))
    later.start()
    gather(job, lease, machine.context)
    later.join()
    assert [ref.id for ref in list_checkpoints(machine.models)] == ["words@1"]


def test_gather_leaves_it_to_the_work_to_say_what_is_nowhere(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MODEL_SECONDS", 0.1)
    job, lease = machine.claim(model="words@1")
    gather(job, lease, machine.context)


def test_gather_ends_where_the_job_is_cancelled_or_taken(machine: Machine) -> None:
    job, lease = machine.claim(model="words@1")
    machine.jobs.cancel(job.id)
    with pytest.raises(JobCancelled):
        gather(job, lease, machine.context)
    with pytest.raises(LeaseLost):
        gather(job, replace(lease, fencing_token=7), machine.context)


def test_gather_ends_where_the_worker_is_told_to_stop(machine: Machine) -> None:
    job, lease = machine.claim(model="words@1")
    machine.context.stop.set()
    with pytest.raises(StoreUnavailable, match="words@1"):
        gather(job, lease, machine.context)
