"""Fixtures that several tests share."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from app.core.logs.line_handler import LineHandler
from tests.app.openapi.error_check import UNDOCUMENTED
from tests.helpers.composition import compose_command
from tests.helpers.databases import database, database_url, empty_url, migrated, migrated_postgresql, postgresql

__all__ = ["compose_command", "database", "database_url", "empty_url", "migrated", "migrated_postgresql", "postgresql"]

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def documented_errors() -> Iterator[None]:
    """Every error that a server of this process answers is one that its route lists."""
    UNDOCUMENTED.clear()
    yield
    assert UNDOCUMENTED == []


@pytest.fixture(autouse=True)
def log_of_the_tests() -> Iterator[None]:
    """The log of this process is pytest's again after a command of ours that has set up its own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if any(isinstance(handler, LineHandler) for handler in root.handlers):
        logging.basicConfig(level=level, handlers=handlers, force=True)
        logging.captureWarnings(False)
        sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
