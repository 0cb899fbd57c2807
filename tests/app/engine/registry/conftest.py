"""A server of one sound model, whose folder others write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.serving import Server, ngram, publish, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("registry") / "checkpoints"
    publish(root, "sound", ngram(order=2))
    with serving(root) as running:
        yield running


@pytest.fixture
def root(server: Server) -> Path:
    return Path(server.app.state.settings.checkpoints)
