"""Publishing and deleting models: the first publisher wins, and a number is never used twice."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.storage.published_models import (
    STALE_STAGING_SECONDS,
    delete_version,
    is_published,
    job_result,
    newest_version,
    publish,
    remove_stale_staging,
)
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import list_checkpoints, next_version
from models.errors import CheckpointExists, CheckpointNotFound
from tests.helpers.jobs import write_card


def stage(root: Path, job_id: str, attempt: int = 1) -> Path:
    staged = root / ".jobs" / job_id / str(attempt) / "demo" / "1"
    write_card(staged, job_id)
    return staged


def test_publish_makes_a_staged_model_visible(tmp_path: Path) -> None:
    publish(stage(tmp_path, "job-1"), tmp_path, "demo", 3, "job-1")
    assert [entry.id for entry in list_checkpoints(tmp_path)] == ["demo@3"]
    assert is_published(tmp_path, "demo", 3, "job-1")
    assert not is_published(tmp_path, "demo", 3, "job-2")
    card = Card.read(tmp_path / "demo" / "3" / CARD_FILE)
    assert job_result(card, "demo@3") == {"model": "demo@3", "metrics": {"training": 1}}


def test_publish_by_two_attempts_keeps_the_first(tmp_path: Path) -> None:
    first, second = stage(tmp_path, "job-1", 1), stage(tmp_path, "job-1", 2)
    (first / "which").write_text("first")
    publish(first, tmp_path, "demo", 1, "job-1")
    publish(second, tmp_path, "demo", 1, "job-1")
    assert (tmp_path / "demo/1/which").exists()


def test_publish_by_concurrent_jobs_lets_one_win(tmp_path: Path) -> None:
    staged = {f"job-{n}": stage(tmp_path, f"job-{n}") for n in range(8)}

    def attempt(job_id: str) -> bool:
        try:
            publish(staged[job_id], tmp_path, "demo", 1, job_id)
        except CheckpointExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, staged)) == 1


def test_publish_needs_a_staged_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "nothing", tmp_path, "demo", 1, "job-1")


def test_delete_version_keeps_its_number_taken(tmp_path: Path) -> None:
    for version in (1, 2):
        publish(stage(tmp_path, f"job-{version}"), tmp_path, "demo", version, f"job-{version}")
    delete_version(tmp_path, "demo", 2)
    assert [entry.id for entry in list_checkpoints(tmp_path)] == ["demo@1"]
    assert len(list((tmp_path / "demo/2").iterdir())) == 1  # its card, under another name
    assert newest_version(tmp_path, "demo") == 2
    assert next_version(tmp_path / "demo") == 3
    with pytest.raises(CheckpointExists):
        publish(stage(tmp_path, "job-3"), tmp_path, "demo", 2, "job-3")
    for version in (2, 9):
        with pytest.raises(CheckpointNotFound, match=f"demo@{version}"):
            delete_version(tmp_path, "demo", version)


def test_remove_stale_staging_waits_a_day(tmp_path: Path) -> None:
    publish(stage(tmp_path, "job-1"), tmp_path, "demo", 1, "job-1")
    abandoned, alive, others = (tmp_path / name for name in (".demo-0123456789ab", ".demo-ba9876543210", ".not-ours"))
    for folder in (abandoned, alive, others):
        folder.mkdir()
        (folder / "weights").write_text("half")
    long_ago = time.time() - STALE_STAGING_SECONDS - 60
    for folder in (abandoned, others, tmp_path / "demo", tmp_path / ".jobs"):
        os.utime(folder, (long_ago, long_ago))
    remove_stale_staging(tmp_path)
    assert not abandoned.exists()
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, others.name, "demo", ".jobs"}
    remove_stale_staging(tmp_path / "not-there")


def test_is_published_is_false_for_a_damaged_card(tmp_path: Path) -> None:
    publish(stage(tmp_path, "job-1"), tmp_path, "demo", 1, "job-1")
    (tmp_path / "demo/1" / CARD_FILE).write_text("{")
    with pytest.raises(CheckpointExists):
        publish(stage(tmp_path, "job-1", 2), tmp_path, "demo", 1, "job-1")
