"""Workers under failures of the work, the database and themselves; the work follows a script."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.core.exceptions import DatabaseUnavailable, LeaseLost
from app.jobs.job import Job, NewJob
from app.jobs.leases import Lease, LeaseStore
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files.file_store import FileStore
from app.storage.published_models import publish
from app.storage.tables import Status
from app.worker.config import WorkerConfig, WorkerContext
from app.worker.run_protocol import Done, End, Failed, Lost, Measured, Message, Reported, Resumed, RunSpec, Stopped
from app.worker.saved.workspaces import Workspaces
from app.worker.worker import Worker
from models.checkpoint.card import CARD_FILE
from tests.helpers.jobs import write_card
from tests.helpers.serving import wait_for

Act = Callable[["Run"], list[Message]]
"""One call of `poll`."""


class Run:
    """Run that follows a script; told to stop, it ends as `stopped` says. Its end comes once."""

    def __init__(self, spec: RunSpec, acts: list[Act], stopped: Message) -> None:
        self.spec, self.acts, self.stopped = spec, list(acts), stopped
        self.stopped_after: float | None = None
        self.ended = False

    def poll(self, seconds: float) -> list[Message]:
        assert not self.ended, "its end was told, and there is nothing to wait for"
        messages = self._next()
        self.ended = any(isinstance(message, End) for message in messages)
        return messages

    def _next(self) -> list[Message]:
        if self.stopped_after is not None:
            return [self.stopped if self.stopped_after else Lost("killed")]
        return self.acts.pop(0)(self) if self.acts else []

    def processor_seconds(self) -> float | None:
        return None

    def stop(self, seconds: float) -> None:
        self.stopped_after = seconds


@dataclass
class Scene:
    """A worker with everything around it."""

    database: Database
    root: Path
    config: WorkerConfig = field(default_factory=lambda: WorkerConfig(heartbeat_seconds=0, max_attempts=3))
    acts: list[Act] = field(default_factory=list)
    stopped: Message = field(default_factory=Stopped)
    runs: list[Run] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.jobs, self.leases = JobStore(self.database), LeaseStore(self.database)
        self.checkpoints = self.root / "checkpoints"
        self.workspaces = Workspaces(self.root / "data", self.checkpoints)
        files = FileStore(self.database, self.root / "files", 1000)
        self.context = WorkerContext(
            self.leases, files, self, self.workspaces, self.checkpoints, self.config, threading.Event()
        )
        self.worker = Worker(self.jobs, self.context)

    def close(self) -> None:
        self.closed = True

    def start(self, spec: RunSpec) -> Run:
        self.runs.append(Run(spec, self.acts, self.stopped))
        return self.runs[-1]

    def queue(self, kind: str = "ngram") -> Job:
        return self.jobs.create(NewJob(kind, {}, {}, name=None if kind == "evaluate" else "demo"))

    def work(self, *acts: Act | Message) -> Job:
        """The newest job after the worker has seen to one by this script."""
        self.acts = [act if callable(act) else says(act) for act in acts]
        assert self.worker.run_next_job()
        return self.jobs.page(limit=1)[0][0]

    def versions(self) -> dict[str, str | None]:
        """The job of each published version."""
        cards = self.checkpoints.glob(f"demo/*/{CARD_FILE}")
        return {path.parent.name: json.loads(path.read_text())["provenance"]["job"] for path in cards}


def says(*messages: Message) -> Act:
    return lambda run: list(messages)


def stages(run: Run) -> list[Message]:
    """A finished model of the job, ready to be published."""
    staged = Path(run.spec.staging) / "demo" / "1"
    write_card(staged, run.spec.job_id)
    return [Done(str(staged))]


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return Scene(database, tmp_path)


def expire(scene: Scene) -> None:
    """Let every lease be over."""
    with scene.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET lease_expires_at = 0")


def nothing_is_left(scene: Scene) -> bool:
    return scene.workspaces.job_ids() == set()


def test_worker_finds_an_empty_queue(scene: Scene) -> None:
    assert not scene.worker.run_next_job()


def test_worker_publishes_the_reserved_version(scene: Scene) -> None:
    job = scene.queue()
    after = scene.work(Reported({"step": 1}), Measured(1, {"loss": 2.0}), stages)
    assert after.status is Status.SUCCEEDED
    assert after.result == {"model": "demo@1", "metrics": {"training": 1}}
    assert after.progress == {"step": 1}
    assert scene.jobs.metrics(job.id) == [(1, {"loss": 2.0})]
    assert scene.versions() == {"1": job.id}
    assert [e.event for e in scene.jobs.events(job.id)] == ["queued", "started", "publishing", "succeeded"]
    assert nothing_is_left(scene)


def test_run_spec_is_complete(scene: Scene) -> None:
    job = scene.queue()
    scene.work(Done(None))
    spec = scene.runs[0].spec
    assert (spec.job_id, spec.request, spec.threads) == (job.id, {}, scene.config.threads)
    assert (spec.training, spec.validation) == (None, None)
    assert Path(spec.workdir) == scene.workspaces.workdir(job.id, 1)
    assert Path(spec.staging).is_relative_to(scene.checkpoints)


def test_attempt_without_a_model_stores_a_result(scene: Scene) -> None:
    scene.queue("evaluate")
    after = scene.work(Done(None, {"perplexity": 3.0}))
    assert (after.status, after.result) == (Status.SUCCEEDED, {"perplexity": 3.0})


def test_attempt_that_fails_is_not_repeated(scene: Scene) -> None:
    scene.queue()
    after = scene.work(Failed("training_failed", "no text"))
    assert (after.status, after.error_code, after.error_message) == (Status.FAILED, "training_failed", "no text")
    assert not scene.worker.run_next_job()
    assert nothing_is_left(scene)


def test_attempt_that_is_lost_is_repeated_up_to_the_limit(scene: Scene) -> None:
    scene.queue()
    for attempt in (2, 3):
        after = scene.work(Lost("killed"))
        assert (after.status, after.attempt) == (Status.QUEUED, attempt)
    after = scene.work(Lost("killed"))
    assert (after.status, after.error_code) == (Status.FAILED, "worker_lost")
    assert after.error_message == "killed; that was attempt 3"
    assert nothing_is_left(scene)


def test_job_whose_workers_are_lost_repeatedly_fails(scene: Scene) -> None:
    scene.queue()
    for _ in range(3):
        scene.leases.claim("lost", -1)
    after = scene.work()
    assert (after.status, after.error_code, scene.runs) == (Status.FAILED, "worker_lost", [])


def test_monitor_rewinds_metrics_beyond_the_resumed_step(scene: Scene) -> None:
    job = scene.queue()
    scene.work(*(Measured(step, {"loss": 1.0}) for step in (1, 2, 3)), Lost("killed"))
    scene.work(Resumed(2), Measured(1, {"loss": 1.0}), Lost("killed"))
    assert [step for step, _ in scene.jobs.metrics(job.id)] == [1, 2]
    scene.work(Resumed(2), Measured(3, {"loss": 9.0}), stages)
    assert scene.jobs.metrics(job.id)[-1] == (3, {"loss": 9.0})


def test_cancel_kills_the_work_and_leaves_nothing(scene: Scene) -> None:
    job = scene.queue()

    def cancel(run: Run) -> list[Message]:
        scene.jobs.cancel(job.id)
        return []

    after = scene.work(cancel)
    assert (after.status, scene.runs[0].stopped_after) == (Status.CANCELLED, 0)
    assert scene.versions() == {}
    assert nothing_is_left(scene)


def test_cancel_just_before_publishing_leaves_no_model(scene: Scene) -> None:
    job = scene.queue()

    def cancel_and_finish(run: Run) -> list[Message]:
        scene.jobs.cancel(job.id)
        return stages(run)

    assert scene.work(cancel_and_finish).status is Status.CANCELLED
    assert scene.versions() == {}


def test_cancel_of_a_lost_workers_job_is_finished_by_the_next(scene: Scene) -> None:
    job = scene.queue()
    scene.leases.claim("lost", -1)
    scene.jobs.cancel(job.id)
    assert scene.work().status is Status.CANCELLED
    assert scene.runs == []


def test_attempt_finds_a_model_that_a_lost_worker_published(scene: Scene) -> None:
    job = scene.queue()
    _, lease = scene.leases.claim("lost", -1) or pytest.fail("nothing to claim")
    assert scene.leases.begin_publishing(lease)
    write_card(scene.checkpoints / "demo" / "1", job.id)
    scene.jobs.cancel(job.id)  # too late
    after = scene.work()
    assert (after.status, scene.runs) == (Status.SUCCEEDED, [])
    assert after.result == {"model": "demo@1", "metrics": {"training": 1}}


def test_attempt_thought_lost_that_publishes_first_is_the_only_one(scene: Scene) -> None:
    job = scene.queue()

    def overtaken(run: Run) -> list[Message]:
        write_card(scene.checkpoints / "demo" / "1", job.id)
        return stages(run)

    assert scene.work(overtaken).result == {"model": "demo@1", "metrics": {"training": 1}}
    assert scene.versions() == {"1": job.id}


def test_attempt_renumbers_when_its_version_is_taken(scene: Scene) -> None:
    job = scene.queue()
    write_card(scene.checkpoints / "demo" / "1", None)
    write_card(scene.checkpoints / "demo" / "2", None)
    (scene.checkpoints / "demo" / "2" / CARD_FILE).write_text("not a card")
    after = scene.work(stages)
    assert (after.status, after.version, after.result) == (
        Status.SUCCEEDED, 3, {"model": "demo@3", "metrics": {"training": 1}},
    )  # fmt: skip
    assert "renumbered" in [event.event for event in scene.jobs.events(job.id)]


def test_attempt_fails_when_its_model_cannot_be_published(scene: Scene) -> None:
    scene.queue()
    scene.checkpoints.mkdir()
    (scene.checkpoints / "demo").write_text("in the way")
    after = scene.work(stages)
    assert (after.status, after.error_code) == (Status.FAILED, "not_published")


def test_worker_told_to_stop_releases_its_job(scene: Scene) -> None:
    scene.queue()

    def stop(run: Run) -> list[Message]:
        scene.worker.stop()
        return []

    after = scene.work(stop)
    assert (after.status, after.attempt, scene.runs[0].stopped_after) == (Status.QUEUED, 1, scene.config.stop_seconds)


def test_worker_releases_a_job_too_slow_to_save_its_state(scene: Scene) -> None:
    scene.queue()
    scene.stopped = Lost("killed")

    def stop(run: Run) -> list[Message]:
        scene.worker.stop()
        return []

    after = scene.work(stop)
    assert (after.status, after.attempt) == (Status.QUEUED, 1)


def test_monitor_kills_work_whose_lease_was_lost(scene: Scene) -> None:
    job = scene.queue()

    def lose(run: Run) -> list[Message]:
        expire(scene)
        scene.leases.claim("another", 60)
        return [Measured(1, {"loss": 1.0})]

    after = scene.work(lose, stages)
    assert (after.status, after.worker, scene.runs[0].stopped_after) == (Status.RUNNING, "another", 0)
    assert scene.versions() == {}
    assert scene.jobs.metrics(job.id) == []


def test_attempt_that_ends_after_its_lease_was_lost_writes_nothing(scene: Scene) -> None:
    scene.queue()

    def lose_and_finish(run: Run) -> list[Message]:
        expire(scene)
        scene.leases.claim("another", 60)
        return stages(run)

    after = scene.work(lose_and_finish)
    assert (after.status, after.worker) == (Status.RUNNING, "another")
    assert scene.versions() == {}


def test_worker_that_wakes_after_its_successor_failed_publishes_nothing(scene: Scene) -> None:
    job = scene.queue()
    _, lease = scene.leases.claim("asleep", 60) or pytest.fail("nothing to claim")
    staged = scene.workspaces.staging(job.id, lease.fencing_token) / "demo" / "1"
    write_card(staged, job.id)
    assert scene.leases.begin_publishing(lease)  # and there it was suspended
    expire(scene)
    after = scene.work(lambda run: [] if staged.exists() else [Failed("disk_full", "no room")])
    assert after.status is Status.FAILED
    with pytest.raises(FileNotFoundError):
        publish(staged, scene.checkpoints, "demo", 1, job.id)
    assert scene.versions() == {}


def test_attempt_keeps_its_lease_while_its_states_are_put_into_the_store(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = scene.queue()

    @contextmanager
    def sharing(job_id: str, lease: int) -> Iterator[Callable[[], None]]:
        yield lambda: None
        expire(scene)  # as putting a large state may take longer than a lease
        wait_for(lambda: (scene.jobs.get(job.id).lease_expires_at or 0) > 0)

    monkeypatch.setattr(scene.workspaces, "sharing", sharing)
    assert scene.work(stages).status is Status.SUCCEEDED


def test_monitor_outlasts_an_unavailable_database(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    job = scene.queue()
    monkeypatch.setattr("app.worker.run_monitor.RETRY_SECONDS", 0.01)
    failures = iter(range(4))

    def flaky(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **named: object) -> object:
            if next(failures, None) is not None:
                raise DatabaseUnavailable("gone")
            return call(*arguments, **named)

        return wrapped

    for name in ("renew", "begin_publishing", "succeed"):
        monkeypatch.setattr(scene.leases, name, flaky(getattr(scene.leases, name)))
    after = scene.work(Measured(1, {"loss": 1.0}), Measured(2, {"loss": 2.0}), stages)
    assert after.status is Status.SUCCEEDED
    assert [step for step, _ in scene.jobs.metrics(job.id)] == [1, 2]


def test_worker_told_to_stop_does_not_wait_for_the_database(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.queue()

    def stop(run: Run) -> list[Message]:
        def gone(*_: object) -> None:
            raise DatabaseUnavailable("gone")

        monkeypatch.setattr(scene.leases, "renew", gone)
        scene.worker.stop()
        return []

    with pytest.raises(DatabaseUnavailable):
        scene.work(stop)
    assert scene.runs[0].stopped_after is not None


def test_clean_up_removes_leftovers_of_finished_jobs(scene: Scene) -> None:
    job, other = scene.queue(), scene.queue()
    for of in (job.id, other.id, "job-of-another-database"):
        scene.workspaces.prepare(of, 1)
    scene.jobs.cancel(job.id)
    scene.worker.clean_up()
    assert scene.workspaces.job_ids() == {other.id, "job-of-another-database"}
    for of in (other.id, "job-of-another-database"):
        os.utime(scene.workspaces.workdir(of, 1), (1, 1))
    scene.worker.clean_up()
    assert scene.workspaces.job_ids() == {other.id}


def test_worker_runs_until_it_is_stopped(scene: Scene) -> None:
    jobs = [scene.queue("evaluate") for _ in range(3)]
    scene.acts = [says(Done(None))]
    thread = threading.Thread(target=scene.worker.run)
    thread.start()
    while any(scene.jobs.get(job.id).status is not Status.SUCCEEDED for job in jobs):
        pass
    scene.worker.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_renew_refuses_the_lease_of_another_claim(scene: Scene) -> None:
    with pytest.raises(LeaseLost):
        scene.leases.succeed(Lease("job-none", 1), {})
