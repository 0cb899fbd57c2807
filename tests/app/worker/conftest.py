"""A service of a module's own, whose jobs report and save often, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.helpers.jobs import PACE
from tests.helpers.serving import Server, serving


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("jobs") / "checkpoints"
    with serving(checkpoints, **PACE, job_save_seconds=0.2) as running:
        yield running


@pytest.fixture
def client(own: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own.url, timeout=60) as opened:
        yield opened
