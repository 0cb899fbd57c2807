"""A really full disk: uploads, trainings and publications fail clearly and leave nothing.

A small file system of memory stands in for the disk; to mount one takes root, and without it all is skipped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.storage.database import sqlite_url
from app.storage.files.sample_file import SAMPLE_ID
from tests.helpers.jobs import LSTM, PACE, ask, left_over, over, upload, working
from tests.helpers.serving import Server, serving, wait_for
from tests.helpers.texts import some_text

ROOM = 3 << 20
WIDE = {**LSTM, "hidden_size": 384, "embedding_size": 384, "epochs": 0.1}
"""Five megabytes of weights, and more of a state."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory with three megabytes of room."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "nextword-test", str(mounted)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield mounted
    finally:
        # A look at the folder, or a job's process, that is just ending may still hold it.
        wait_for(lambda: subprocess.run(["umount", str(mounted)], check=False).returncode == 0, pause=0.1)


@pytest.fixture(params=["data", "checkpoints"])
def small(request: pytest.FixtureRequest, disk: Path, tmp_path: Path) -> Iterator[Server]:
    """A service that has little room for its data, or for its models; its database has all it wants."""
    places = {"data": tmp_path / "data", "checkpoints": tmp_path / "checkpoints"} | {request.param: disk}
    overrides = {"data": places["data"], "database_url": sqlite_url(tmp_path), **PACE}
    with serving(places["checkpoints"], **overrides) as running:
        yield running


def files(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file()]


def listed(client: httpx.Client) -> list[str]:
    return [file["id"] for file in client.get("/v1/files").json()["data"]]


def test_sample_without_room_is_left_out_and_the_service_works(disk: Path, tmp_path: Path) -> None:
    (disk / "all").write_bytes(bytes(ROOM - (8 << 10)))
    overrides = {"data": disk / "uploads", "database_url": sqlite_url(tmp_path)}
    with serving(tmp_path / "checkpoints", **overrides) as running, httpx.Client(base_url=running.url) as client:
        assert listed(client) == []
        assert files(disk / "uploads" / "files") == []


def test_job_on_a_full_disk_fails_clearly(small: Server) -> None:
    settings = small.app.state.settings
    with httpx.Client(base_url=small.url, timeout=60) as client, working(small):
        file = upload(client, some_text(20))
        job = over(client, ask(client, name="wide", kind="lstm", training_file=file, config=WIDE))
        assert (job["status"], job["error"]["code"]) == ("failed", "disk_full"), job["error"]
        assert client.get("/v1/models").json()["data"] == []
        wait_for(lambda: left_over(small) == [])
        assert len(files(settings.data / "files")) == 2  # with the sample
        assert files(settings.checkpoints) == []


def test_upload_on_a_full_disk_is_refused_and_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    overrides = {"data": disk / "uploads", "database_url": sqlite_url(tmp_path)}
    with serving(tmp_path / "checkpoints", **overrides) as running, httpx.Client(base_url=running.url) as client:
        wait_for(lambda: listed(client) == [SAMPLE_ID])
        sample = files(disk / "uploads")
        refused = client.post("/v1/files", content=b"a" * 2 * ROOM, headers={"content-type": "text/plain"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
        assert files(disk / "uploads") == sample
        assert listed(client) == [SAMPLE_ID]
        small_upload = client.post("/v1/files", content=b"a" * 1000, headers={"content-type": "text/plain"})
        assert small_upload.status_code == 201
