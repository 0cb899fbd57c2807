"""Watch of a folder: woken by changes, not by what is being made, and polling where it must."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.registry import folder_watch
from app.engine.registry.folder_watch import FolderWatch, is_remote


async def settle(watch: FolderWatch) -> None:
    """Return once the folder is watched, and nothing is to be told."""
    while not watch.is_watching:
        await watch.changed()
    await asyncio.sleep(0.2)
    watch._event.clear()


def woken_after(folder: Path, change: Callable[[], object]) -> float:
    """Return the seconds until a watcher of the folder is woken by a change."""

    async def run() -> float:
        watch = FolderWatch(folder, 0.05)
        try:
            await settle(watch)
            began = time.monotonic()
            change()
            await asyncio.wait_for(watch.changed(), 30)
            return time.monotonic() - began
        finally:
            watch.close()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "SAFETY_SECONDS", 3.0)


def publish(root: Path) -> None:
    (root / ".model-123").mkdir()
    (root / ".model-123" / "card.json").write_text("{}")
    (root / "model").mkdir()
    (root / ".model-123").rename(root / "model" / "1")


def test_folder_watch_is_woken_by_a_published_model(tmp_path: Path) -> None:
    assert woken_after(tmp_path, lambda: publish(tmp_path)) < 2.5


def test_folder_watch_is_woken_by_a_file_that_changes_deep_below(tmp_path: Path) -> None:
    publish(tmp_path)
    assert woken_after(tmp_path, lambda: (tmp_path / "model" / "1" / "card.json").write_text("{ }")) < 2.5


def test_folder_watch_follows_a_link_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert woken_after(tmp_path / "link", lambda: publish(tmp_path / "real")) < 2.5


def test_folder_watch_sleeps_while_a_model_is_made(tmp_path: Path) -> None:
    (tmp_path / ".model-123").mkdir()
    assert woken_after(tmp_path, lambda: (tmp_path / ".model-123" / "card.json").write_text("{}")) >= 2.9


def test_folder_watch_polls_a_folder_that_is_not_there_until_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "later"

    async def run() -> None:
        watch = FolderWatch(folder, 0.05)
        try:
            await watch.changed()
            assert not watch.is_watching
            folder.mkdir()
            deadline = time.monotonic() + 20
            while not watch.is_watching:
                assert time.monotonic() < deadline
                await watch.changed()
        finally:
            watch.close()

    asyncio.run(run())


def test_folder_watch_notices_a_folder_that_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()

    async def run() -> float:
        watch = FolderWatch(folder, 0.05)
        try:
            await settle(watch)
            shutil.rmtree(folder)
            folder.mkdir()
            await asyncio.sleep(1.5)  # it looks once a second whether the folder is still the same
            await settle(watch)
            began = time.monotonic()
            publish(folder)
            await watch.changed()
            return time.monotonic() - began
        finally:
            watch.close()

    assert asyncio.run(run()) < 2.5


def test_folder_watch_polls_what_another_machine_writes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "is_remote", lambda _: True)

    async def run() -> bool:
        watch = FolderWatch(tmp_path, 0.05)
        try:
            for _ in range(3):
                await watch.changed()
            return watch.is_watching
        finally:
            watch.close()

    assert asyncio.run(run()) is False


def test_is_remote_goes_by_the_longest_mount_point(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/x /net nfs4 rw 0 0\ntmpfs /net/local tmpfs rw 0 0\nx /a\\040b fuse.s3 rw 0 0\n"
    )
    assert is_remote(Path("/net/models"), mounts)
    assert is_remote(Path("/a b/models"), mounts)
    assert not is_remote(Path("/net/local/models"), mounts)
    assert not is_remote(Path("/network"), mounts)
    assert not is_remote(tmp_path, tmp_path / "missing")
