"""Object stores for tests: a folder, and S3 as moto's server has it, in a process of its own."""

from __future__ import annotations

import itertools
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from app.storage.replication.object_store import ObjectStore
from tests.helpers.command_line import python_with
from tests.helpers.serving import wait_for

NUMBERS = itertools.count()
"""Of buckets: one a test."""


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Address of a server with the API of S3."""
    python = python_with("moto.server", "NEXTWORD_MOTO_PYTHON")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/"))
        yield f"http://127.0.0.1:{port}"
        server.kill()


def _answers(address: str) -> bool:
    try:
        with urlopen(address):
            return True
    except URLError:
        return False


@pytest.fixture(params=["file", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty store, which a bucket has below a prefix."""
    if request.param == "file":
        return f"file://{tmp_path}/store"
    address, bucket = request.getfixturevalue("s3_address"), f"bucket-{next(NUMBERS)}"
    values = {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "key", "REGION": "us-east-1", "ENDPOINT_URL": address}
    for name, value in (values | {"ALLOW_HTTP": "true"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with urlopen(Request(f"{address}/{bucket}", method="PUT")):
        return f"s3://{bucket}/some/models"


@pytest.fixture
def store(store_url: str) -> ObjectStore:
    return ObjectStore(store_url)
