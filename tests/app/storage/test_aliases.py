"""Aliases in memory before the database has answered: what may be an alias is not said to be unknown."""

from __future__ import annotations

import pytest

from app.core.exceptions import DatabaseUnavailable, ModelLoading
from app.storage.aliases import AliasStore
from app.storage.database import Database
from models.errors import CheckpointNotFound


def get(model: str) -> str:
    if model != "demo@1":
        raise CheckpointNotFound(f"there is no model {model!r}")
    return model


def test_find_takes_what_is_not_read_yet_for_a_possible_alias(database: Database) -> None:
    aliases = AliasStore(database)
    with pytest.raises(ModelLoading, match="not known yet"):
        aliases.find("production", get)
    with pytest.raises(CheckpointNotFound):
        aliases.find("production@1", get)
    assert aliases.find("demo@1", get) == "demo@1"
    aliases.refresh()
    with pytest.raises(CheckpointNotFound):
        aliases.find("production", get)


def test_find_follows_an_alias(database: Database) -> None:
    aliases = AliasStore(database)
    aliases.put("production", "demo", 1, lambda: None)
    assert aliases.find("production", get) == "demo@1"


def test_read_snapshot_needs_an_answer_of_the_database(database: Database) -> None:
    aliases = AliasStore(database)
    with pytest.raises(DatabaseUnavailable):
        aliases.read_snapshot()
    aliases.refresh()
    assert aliases.read_snapshot() == {}
