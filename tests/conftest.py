"""Fixtures that several tests share."""

from collections.abc import Iterator

import pytest

from tests.app.openapi.error_check import UNDOCUMENTED
from tests.helpers.composition import compose_command
from tests.helpers.databases import database, database_url, empty_url, migrated, migrated_postgresql, postgresql

__all__ = ["compose_command", "database", "database_url", "empty_url", "migrated", "migrated_postgresql", "postgresql"]


@pytest.fixture(autouse=True)
def documented_errors() -> Iterator[None]:
    """Every error that a server of this process answers is one that its route lists."""
    UNDOCUMENTED.clear()
    yield
    assert UNDOCUMENTED == []
