"""Publication over several machines: at most one attempt publishes, and none of a job that failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.exceptions import DiskFull
from app.storage.database import Database
from app.storage.replication.object_store import ObjectStore
from app.storage.replication.shared_models import SharedModels
from app.storage.tables import Status
from app.worker.config import WorkerConfig
from app.worker.run_protocol import Done, Failed, Message, OutputFile
from app.worker.worker import Worker
from models.checkpoint.card import CARD_FILE, FileDigest
from tests.app.worker.test_worker import Act, Run, Scene, expire
from tests.helpers.jobs import write_card

WEIGHTS = "weights.safetensors"


class Sleeper(ObjectStore):
    """Store as a machine sees it that is suspended once, before an object is written."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sleeps_before = ""
        self.meanwhile: Callable[[], object] = lambda: None
        self._objects.put = self._sleep_before(self._objects.put)  # type: ignore[method-assign]
        self._objects.create = self._sleep_before(self._objects.create)  # type: ignore[method-assign]

    def _sleep_before(self, write: Callable) -> Callable:
        def write_late(path: str, content: object) -> object:
            if self.sleeps_before and path.endswith(self.sleeps_before):
                self.sleeps_before = ""
                self.meanwhile()
            return write(path, content)

        return write_late


def machine(database: Database, root: Path, store: ObjectStore, attempts: int = 3) -> Scene:
    scene = Scene(database, root, WorkerConfig(heartbeat_seconds=60, max_attempts=attempts))
    scene.context = replace(scene.context, shared_models=SharedModels(store, scene.checkpoints))
    scene.worker = Worker(scene.jobs, scene.context)
    return scene


def stages(text: str) -> Act:
    """A finished model whose weights are some text."""

    def stage(run: Run) -> list[Message]:
        staged = Path(run.spec.staging) / "demo" / "1"
        write_card(staged, run.spec.job_id)
        (staged / WEIGHTS).write_text(text)
        digest, card = FileDigest.of(staged / WEIGHTS), json.loads((staged / CARD_FILE).read_text())
        card["files"] = {WEIGHTS: {"sha256": digest.sha256, "size": digest.size}}
        (staged / CARD_FILE).write_text(json.dumps(card))
        return [Done(str(staged))]

    return stage


@pytest.fixture
def store(tmp_path: Path) -> Sleeper:
    return Sleeper(f"file://{tmp_path}/store")


@pytest.fixture
def one(database: Database, tmp_path: Path, store: Sleeper) -> Scene:
    """The machine that is suspended."""
    return machine(database, tmp_path / "one", store)


@pytest.fixture
def two(database: Database, tmp_path: Path) -> Scene:
    """The machine that takes its job over."""
    return machine(database, tmp_path / "two", ObjectStore(f"file://{tmp_path}/store"))


PLACES = pytest.mark.parametrize("place", ["claim", WEIGHTS, CARD_FILE])
"""Objects before which the machine is suspended that publishes."""


@PLACES
@pytest.mark.parametrize("attempts", [1, 3])
def test_attempt_that_wakes_after_its_job_failed_elsewhere_publishes_nothing(
    one: Scene, two: Scene, store: Sleeper, place: str, attempts: int
) -> None:
    def fail() -> None:
        expire(one)
        assert two.work(Failed("training_failed", "diverged")).status is Status.FAILED

    two.context = replace(two.context, config=replace(two.config, max_attempts=attempts))
    two.worker = Worker(two.jobs, two.context)
    store.sleeps_before, store.meanwhile = place, fail
    one.queue()
    after = one.work(stages("late"))
    assert (after.status, after.attempt) == (Status.FAILED, 2)
    assert after.error_code == ("worker_lost" if attempts == 1 else "training_failed")
    assert store.states() == ({}, set())
    assert (one.versions(), two.versions()) == ({}, {})


@PLACES
def test_attempt_that_wakes_after_its_successor_published_publishes_nothing(
    one: Scene, two: Scene, store: Sleeper, place: str
) -> None:
    def succeed() -> None:
        expire(one)
        assert two.work(stages("in time")).status is Status.SUCCEEDED

    store.sleeps_before, store.meanwhile = place, succeed
    one.queue()
    after = one.work(stages("late"))
    version = 1 if place == "claim" else 2  # the first was begun, and is given up
    assert after.result == {"model": f"demo@{version}", "metrics": {"training": 1}}
    assert set(store.states()[0]) == {f"demo@{version}"}
    assert two.versions() == {str(version): after.id}
    assert (two.checkpoints / "demo" / str(version) / WEIGHTS).read_text() == "in time"
    assert set(one.versions()) <= set(two.versions())


@pytest.mark.parametrize("ends", ["late", "lost"])
def test_attempt_that_published_before_it_was_lost_is_the_only_one(
    one: Scene, two: Scene, store: Sleeper, ends: str
) -> None:
    """The successor finds the model in the store, when it begins or when it is about to fail."""
    push = store.push

    def push_and_sleep(folder: Path, model: str) -> bool:
        if ends == "lost":
            push(folder, model)
        expire(one)
        assert two.work(late).status is Status.SUCCEEDED
        return push(folder, model)

    def late(run: Run) -> list[Message]:
        push(one.workspaces.staging(run.spec.job_id, 1) / "demo" / "1", "demo@1")
        return [Failed("disk_full", "no room")]

    store.push = push_and_sleep  # type: ignore[method-assign]
    one.queue()
    after = one.work(stages("first"))
    assert (after.status, after.attempt, after.result) == (
        Status.SUCCEEDED, 2, {"model": "demo@1", "metrics": {"training": 1}},
    )  # fmt: skip
    assert len(two.runs) == (0 if ends == "lost" else 1)
    assert set(store.states()[0]) == {"demo@1"}
    assert (two.checkpoints / "demo" / "1" / WEIGHTS).read_text() == "first"


def test_job_succeeds_where_the_store_has_its_model_and_this_machine_cannot(one: Scene, store: Sleeper) -> None:
    one.queue()
    one.checkpoints.mkdir(parents=True)
    (one.checkpoints / "demo").write_text("in the way")
    after = one.work(stages("there"))
    assert after.result == {"model": "demo@1", "metrics": {"training": 1}}
    assert set(store.states()[0]) == {"demo@1"}


def test_job_succeeds_where_no_room_is_for_a_model_that_was_published_elsewhere(
    one: Scene, two: Scene, store: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DiskFull("there are 0 MB")

    def take_over() -> None:
        expire(one)
        assert two.work().status is Status.SUCCEEDED

    monkeypatch.setattr("app.storage.replication.shared_models.fetch_model", refuse)
    push = store.push
    store.push = lambda folder, model: (push(folder, model), take_over())  # type: ignore[method-assign]
    one.queue()
    after = one.work(stages("there"))
    assert (after.result, two.runs) == ({"model": "demo@1", "metrics": {"training": 1}}, [])


def test_attempt_that_wakes_late_keeps_no_files(one: Scene, two: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def makes_a_file(run: Run) -> list[Message]:
        path = Path(run.spec.workdir) / "kept.jsonl"
        path.write_text("{}")
        digest = FileDigest.of(path)
        return [Done(None, {"records": 1}, [OutputFile(str(path), path.name, "kept", digest.sha256, digest.size, 2)])]

    def sleep(*arguments: object) -> object:
        expire(one)
        assert two.work(Failed("training_failed", "diverged")).status is Status.FAILED
        return store_result(*arguments)

    store_result = one.context.files.store_result
    monkeypatch.setattr(one.context.files, "store_result", sleep)
    one.queue("evaluate")
    assert one.work(makes_a_file).status is Status.FAILED
    assert one.context.files.page(None, None, 10) == ([], False)


@pytest.mark.parametrize("same_job", [True, False])
def test_attempt_leaves_the_version_to_an_attempt_at_another_machine_that_was_first(
    one: Scene, store: Sleeper, tmp_path: Path, same_job: bool
) -> None:
    job, elsewhere = one.queue(), tmp_path / "elsewhere"

    def stages_late(run: Run) -> list[Message]:
        write_card(elsewhere, job.id if same_job else "job-of-another-database")
        (elsewhere / CARD_FILE).write_text((elsewhere / CARD_FILE).read_text() + " ")  # made at another time
        store.push(elsewhere, "demo@1")
        return stages("late")(run)

    after = one.work(stages_late)
    assert after.status is Status.SUCCEEDED
    assert one.versions() == ({"1": job.id} if same_job else {"1": "job-of-another-database", "2": job.id})
    assert (one.checkpoints / "demo" / "1" / CARD_FILE).read_bytes() == (elsewhere / CARD_FILE).read_bytes()
    assert set(store.states()[0]) == {f"demo@{version}" for version in one.versions()}


def test_attempt_leaves_the_version_to_a_model_here_that_the_store_does_not_have_yet(
    one: Scene, store: Sleeper
) -> None:
    job = one.queue()
    write_card(one.checkpoints / "demo" / "1", None)
    after = one.work(stages("there"))
    assert after.result == {"model": "demo@2", "metrics": {"training": 1}}
    assert one.versions() == {"1": None, "2": job.id}
    assert set(store.states()[0]) == {"demo@2"}
    assert store.push(one.checkpoints / "demo" / "1", "demo@1")  # it was not given up


def test_attempt_that_wakes_publishes_nothing_where_its_version_was_taken_at_its_successor(
    one: Scene, two: Scene, store: Sleeper
) -> None:
    def succeed() -> None:
        expire(one)
        write_card(two.checkpoints / "demo" / "1", None)
        assert two.work(stages("in time")).status is Status.SUCCEEDED

    store.sleeps_before, store.meanwhile = WEIGHTS, succeed
    one.queue()
    assert one.work(stages("late")).result == {"model": "demo@2", "metrics": {"training": 1}}
    assert set(store.states()[0]) == {"demo@2"}


def test_job_succeeds_where_another_model_takes_its_version_here_after_the_store_has_it(
    one: Scene, store: Sleeper
) -> None:
    def push_late(folder: Path, model: str) -> bool:
        is_new = push(folder, model)
        write_card(one.checkpoints / "demo" / "1", None)
        return is_new

    push = store.push
    store.push = push_late  # type: ignore[method-assign]
    one.queue()
    assert one.work(stages("there")).result == {"model": "demo@1", "metrics": {"training": 1}}
    assert (one.versions(), set(store.states()[0])) == ({"1": None}, {"demo@1"})
