"""One service for all tests that only ask it, with models of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint, load
from tests.helpers.serving import Server, publish_all, serving


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served") / "checkpoints"
    publish_all(root)
    return root


@pytest.fixture(scope="session")
def server(checkpoints: Path) -> Iterator[Server]:
    with serving(checkpoints) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as open_client:
        yield open_client


@pytest.fixture(scope="session")
def local(checkpoints: Path) -> dict[str, Checkpoint]:
    """The same models as the service has them, opened without it."""
    return {folder.name: load(folder / "1", families=FAMILIES_BY_PRECISION["int8"]) for folder in checkpoints.iterdir()}
