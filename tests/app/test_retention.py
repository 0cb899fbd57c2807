"""Retention: what the settings let go is deleted once, and nothing that is still needed."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.core.exceptions import FileInUse, NotFound
from app.core.settings import Settings
from app.engine.registry.model_memory import MemoryLimits
from app.engine.registry.model_registry import ModelRegistry
from app.jobs.job import NewJob
from app.jobs.submission.submission import JobSubmission
from app.retention import DAY_SECONDS, Retention
from app.storage.files.sample_file import SAMPLE_ID
from app.storage.tables import EVENTS, METRICS, Status
from app.stores import Stores
from app.worker.saved.workspaces import Workspaces
from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints
from models.errors import CheckpointNotFound, InvalidInput
from tests.app.storage.files.test_file_store import put, stored
from tests.helpers.serving import get, ngram, post, publish, publish_mixture, serving, wait_for

ALL = {"keep_unused_files_days": 10, "keep_finished_jobs_days": 10, "keep_versions": 1}


@dataclass
class Process:
    """What one server process has: stores, models in memory, counts, and a clock that is set by days."""

    settings: Settings
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.stores = Stores.open(self.settings)
        self.registry = ModelRegistry(self.settings.checkpoints, load)
        self.begin = self.stores.database.now()
        self.stores.refresh()

    def sweep(self, days: float) -> dict[str, int]:
        """Sweep as if `days` had passed; return how much of each kind has been deleted so far."""
        self.registry.refresh()
        retention = Retention(
            self.settings,
            self.stores,
            self.registry,
            lambda kind: self.counts.update([kind]),
            lambda: self.begin + days * DAY_SECONDS,
        )
        retention.sweep()
        return dict(self.counts)

    def finish(self, job_id: str) -> None:
        """Run a job to its end, with a metric of its first step."""
        claimed = self.stores.leases.claim("worker", 60)
        assert claimed is not None
        assert claimed[0].id == job_id
        self.stores.leases.renew(claimed[1], 60, metrics={1: {"loss": 2.0}})
        self.stores.leases.succeed(claimed[1], {})

    def submission(self) -> JobSubmission:
        return JobSubmission(self.stores.files, self.stores.aliases, self.registry, self.settings)

    @property
    def published(self) -> list[str]:
        return [ref.id for ref in list_checkpoints(self.settings.checkpoints)]


@pytest.fixture
def processes(database_url: str, tmp_path: Path) -> Iterator[list[Process]]:
    """Three processes on one database and one disk."""
    settings = Settings(checkpoints=tmp_path / "models", data=tmp_path / "data", database_url=database_url, **ALL)
    running = [Process(settings) for _ in range(3)]
    yield running
    for process in running:
        process.stores.database.close()


@pytest.fixture
def process(processes: list[Process]) -> Process:
    return processes[0]


def training(file_id: str, **more: str) -> NewJob:
    return NewJob("ngram", {"name": "demo"}, {}, name="demo", training_file=file_id, more_files=more)


def evaluation(model: str) -> NewJob:
    return NewJob("evaluate", {"model": model}, {})


def publish_versions(process: Process, count: int, name: str = "words") -> None:
    for order in range(1, count + 1):
        publish(process.settings.checkpoints, name, ngram(order=order))


def test_sweep_of_default_settings_deletes_nothing(tmp_path: Path) -> None:
    process = Process(Settings(checkpoints=tmp_path / "models", data=tmp_path / "data"))
    publish_versions(process, 2)
    put(process.stores.files)
    assert process.sweep(days=1e6) == {}
    assert len(process.published) == 2
    process.stores.database.close()


def test_sweep_deletes_files_that_nothing_has_used(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = put(process.stores.files)
    assert process.sweep(days=9.9) == {}
    assert process.sweep(days=10.1) == {"file": 1}
    assert f"retention deleted file {file.id}: nothing has used it for 10 days" in caplog.messages
    with pytest.raises(NotFound, match=f"no file '{file.id}'; unused files are deleted after 10 days"):
        process.stores.files.get(file.id)
    assert process.stores.files.path(SAMPLE_ID).exists()
    assert len(stored(process.stores.files)) == 1


def test_sweep_keeps_files_of_unfinished_jobs(process: Process) -> None:
    file, other = put(process.stores.files), put(process.stores.files, b"d e\n", "b.txt")
    process.stores.jobs.create(training(file.id, tokenizer_file=other.id))
    assert process.sweep(days=1000) == {}


def test_sweep_keeps_files_of_jobs_that_finished_lately(process: Process) -> None:
    file = put(process.stores.files)
    process.sweep(days=0)
    first = process.stores.jobs.create(training(file.id))
    process.finish(first.id)
    ended = process.stores.jobs.get(first.id).finished_at
    assert ended is not None
    assert ended > file.created_at
    process.begin = ended - 1e-3
    assert process.sweep(days=10) == {}  # the file is older than that, and the job is not
    process.begin = ended + 1e-3
    assert process.sweep(days=10) == {"job": 1, "file": 1}


def test_sweep_remembers_of_a_deleted_job_when_it_used_a_file(process: Process) -> None:
    file = put(process.stores.files)
    process.finish(process.stores.jobs.create(training("file-sample", tokenizer_file=file.id)).id)
    process.settings = process.settings.model_copy(update={"keep_unused_files_days": None})
    assert process.sweep(days=10.1) == {"job": 1}
    assert process.stores.files.unused(file.created_at + 1e-6) == []


def test_delete_refuses_a_file_that_was_used_meanwhile(process: Process) -> None:
    file = put(process.stores.files)
    long_after = process.begin + DAY_SECONDS
    assert process.stores.files.unused(long_after) == [file.id]
    assert put(process.stores.files) == file  # uploaded again
    with pytest.raises(FileInUse, match="used meanwhile"):
        process.stores.files.delete(file.id, unused_since=file.created_at + 1e-6)
    assert process.stores.files.get(file.id) == file


def test_sweep_deletes_finished_jobs_with_all_that_is_theirs(process: Process) -> None:
    done = process.stores.jobs.create(training("file-sample"))
    process.finish(done.id)
    waiting = process.stores.jobs.create(training("file-sample"))
    cancelled = process.stores.jobs.create(training("file-sample"))
    process.stores.jobs.cancel(cancelled.id)
    left_over = Workspaces(process.settings.data, process.settings.checkpoints).workdir(cancelled.id, 1)
    left_over.mkdir(parents=True)
    assert process.sweep(days=9.9) == {}
    assert process.sweep(days=10.1) == {"job": 2}
    assert [job.id for job in process.stores.jobs.page()[0]] == [waiting.id]
    assert process.stores.jobs.get(waiting.id).status is Status.QUEUED
    with pytest.raises(NotFound, match=f"no job '{done.id}'; finished jobs are deleted after 10 days"):
        process.stores.jobs.get(done.id)
    with process.stores.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(EVENTS)).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(METRICS)).scalar_one() == 0
    assert not left_over.parent.exists()


def test_sweep_deletes_versions_beyond_the_newest(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    publish_versions(process, 3)
    publish_versions(process, 1, "other")
    assert process.sweep(days=0.01) == {"model": 2}
    assert process.published == ["other@1", "words@3"]
    assert "retention deleted model words@1: it is an old version" in caplog.messages
    with pytest.raises(CheckpointNotFound, match="'words@2' was deleted; there are: other@1, words@3"):
        process.registry.get("words@2")


@pytest.mark.parametrize(
    ("kept", "days", "passed", "left"),
    [(2, None, 0.01, 2), (None, 5, 4.9, 4), (None, 5, 5.1, 1), (2, 5, 4.9, 4), (2, 5, 5.1, 2), (9, 5, 5.1, 4)],
)
def test_sweep_keeps_what_either_setting_keeps(
    process: Process, kept: int | None, days: float | None, passed: float, left: int
) -> None:
    process.settings = process.settings.model_copy(update={"keep_versions": kept, "keep_versions_days": days})
    publish_versions(process, 4)
    process.sweep(passed)
    assert process.published == [f"words@{version}" for version in range(5 - left, 5)]


def test_sweep_keeps_versions_that_something_refers_to(process: Process) -> None:
    publish_versions(process, 5)
    process.stores.aliases.put("production", "words", 1, lambda: None)
    publish_mixture(process.settings.checkpoints, "mix", "words@2", "words@5")
    job = process.stores.jobs.create(evaluation("words@3"))
    assert process.sweep(days=1) == {"model": 1}  # words@4
    assert process.published == ["mix@1", "words@1", "words@2", "words@3", "words@5"]
    process.finish(job.id)
    process.stores.aliases.delete("production")
    assert process.sweep(days=2) == {"model": 3}
    assert process.published == ["mix@1", "words@2", "words@5"]


def test_sweep_counts_damaged_versions_for_nothing(process: Process) -> None:
    publish_versions(process, 2)
    (process.settings.checkpoints / "words/2/weights.safetensors").write_bytes(b"not weights")
    assert process.sweep(days=1) == {}
    assert process.registry.get("words").id == "words@1"  # the newest that can be used


def test_sweep_waits_until_the_models_are_loaded(process: Process) -> None:
    publish_versions(process, 2)
    retention = Retention(process.settings, process.stores, process.registry, print, time.time)
    retention.sweep()
    assert len(process.published) == 2


def test_check_models_refuses_a_job_whose_model_was_deleted(process: Process) -> None:
    publish_versions(process, 2)
    job = evaluation("words@1")
    process.submission().check_models(job)
    process.sweep(days=1)
    submission = process.submission()
    with pytest.raises(InvalidInput, match="words@1 was deleted meanwhile"):
        process.stores.jobs.create(job, check=lambda: submission.check_models(job))
    assert process.stores.jobs.page()[0] == []


def test_sweep_by_several_processes_deletes_each_thing_once(processes: list[Process]) -> None:
    first = processes[0]
    for n in range(12):
        put(first.stores.files, f"text {n}\n".encode(), f"{n}.txt")
        first.finish(first.stores.jobs.create(training("file-sample")).id)
    publish_versions(first, 6)
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(lambda process: process.sweep(days=11), processes))
    total = sum((process.counts for process in processes), Counter[str]())
    assert total == {"file": 12, "job": 12, "model": 5}
    assert [process.sweep(days=11) == dict(process.counts) for process in processes] == [True] * 3
    assert first.published == ["words@6"]
    assert len(stored(first.stores.files)) == 1


def test_server_deletes_old_versions_and_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.main.SWEEP_SECONDS", 0.05)
    root = tmp_path / "models"
    for order in (1, 2):
        publish(root, "words", ngram(order=order))
    with serving(root, keep_versions=1) as server:
        wait_for(lambda: "nextword_deletions_total" in get(f"{server.url}/metrics").text)
        wait_for(lambda: [model["id"] for model in get(f"{server.url}/v1/models").json()["data"]] == ["words@2"])
        answer = post(f"{server.url}/v1/models/words@1/next", json={"context": "the"})
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "model 'words@1' was deleted; there are: words@2"
        assert 'nextword_deletions_total{kind="model"} 1.0' in get(f"{server.url}/metrics").text


def test_sweep_deletes_nothing_in_favour_of_a_version_that_cannot_be_loaded(process: Process) -> None:
    """Nobody has asked for it, so nobody knows that it is damaged."""
    publish_versions(process, 2)
    (process.settings.checkpoints / "words" / "2" / "weights.safetensors").unlink()
    process.registry = ModelRegistry(process.settings.checkpoints, load, MemoryLimits(preload=0))
    assert process.sweep(days=1000) == {}
    assert process.published == ["words@1", "words@2"]
