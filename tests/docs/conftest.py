"""Service with the shipped models and a worker, for all pages whose commands are run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.readme import running_service

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's, with models of its own to publish into and a `nextword` command."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copytree(ROOT / "checkpoints", folder / "checkpoints")
    shutil.copy(ROOT / "LICENSE", folder)
    command = folder / "bin" / "nextword"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m app.cli.main "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    with running_service(folder / "checkpoints", worker=True) as address:
        yield address
