"""Directories of attempts: adopting an earlier state, fencing, and clearing up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.worker.run_protocol import METRICS_FILE
from app.worker.saved.workspaces import Workspaces
from models.neural.training.config import STATE_FILE


@pytest.fixture
def spaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "data", tmp_path / "checkpoints")


def save(spaces: Workspaces, lease: int, state: str, metrics: str) -> None:
    spaces.prepare("job", lease)
    (spaces.workdir("job", lease) / f"{STATE_FILE}.new").write_text(state)
    (spaces.workdir("job", lease) / f"{STATE_FILE}.new").replace(spaces.workdir("job", lease) / STATE_FILE)
    (spaces.workdir("job", lease) / METRICS_FILE).write_text(metrics)


def adopted(spaces: Workspaces, lease: int) -> dict[str, str]:
    return {path.name: path.read_text() for path in spaces.workdir("job", lease).iterdir()}


def test_prepare_gives_the_first_attempt_an_empty_directory(spaces: Workspaces) -> None:
    spaces.prepare("job", 1)
    assert adopted(spaces, 1) == {}


def test_prepare_adopts_the_newest_state_with_its_metrics(spaces: Workspaces) -> None:
    save(spaces, 1, "state 1", "metrics 1")
    save(spaces, 2, "state 2", "metrics 2")
    spaces.prepare("job", 3)  # lost before it saved anything
    (spaces.workdir("job", 3) / STATE_FILE).unlink()
    spaces.prepare("job", 4)
    assert adopted(spaces, 4) == {STATE_FILE: "state 2", METRICS_FILE: "metrics 2"}


def test_prepare_shields_an_attempt_from_a_lost_one(spaces: Workspaces) -> None:
    save(spaces, 1, "state 1", "metrics 1")
    spaces.prepare("job", 2)
    save(spaces, 1, "state 1, later", "metrics 1, later")
    assert adopted(spaces, 2) == {STATE_FILE: "state 1", METRICS_FILE: "metrics 1"}


def test_prepare_again_changes_nothing(spaces: Workspaces) -> None:
    save(spaces, 1, "state 1", "metrics 1")
    for _ in range(2):
        spaces.prepare("job", 2)
    assert adopted(spaces, 2) == {STATE_FILE: "state 1", METRICS_FILE: "metrics 1"}


def test_fence_removes_staged_models_of_earlier_attempts_only(spaces: Workspaces) -> None:
    for lease in (1, 2, 10):
        spaces.staging("job", lease).mkdir(parents=True)
    spaces.fence("job", 10)
    assert [path.name for path in spaces.staging("job", 10).parent.iterdir()] == ["10"]
    spaces.fence("job-without-any", 1)


def test_clear_removes_everything_of_a_job(spaces: Workspaces) -> None:
    save(spaces, 1, "state", "metrics")
    spaces.staging("job", 1).mkdir(parents=True)
    assert spaces.job_ids() == {"job"}
    spaces.clear("job")
    spaces.clear("job")
    assert spaces.job_ids() == set()


def test_changed_at_is_now_where_somebody_removes_what_it_looks_at(
    spaces: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(folder: Path, pattern: str) -> Iterator[Path]:
        yield folder
        raise FileNotFoundError

    began = time.time()
    save(spaces, 1, "state", "metrics")
    assert began - 1 < spaces.changed_at("job") <= time.time()
    assert spaces.changed_at("another-job") == 0
    monkeypatch.setattr(Path, "rglob", vanish)
    before = time.time()
    assert spaces.changed_at("job") >= before
