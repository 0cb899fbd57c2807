"""API keys in SQLite and PostgreSQL: made, listed, revoked, forgotten."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.core.api_keys import KeyLimits, digest_key
from app.core.exceptions import NameTaken, NotFound
from app.storage.database import Database, sqlite_url
from app.storage.key_store import KeyStore
from app.storage.tables import API_KEYS
from models.errors import InvalidInput

INFER = frozenset(["infer"])


def test_create_keeps_the_hash_and_not_the_key(database: Database) -> None:
    keys = KeyStore(database)
    limits = KeyLimits(requests_per_minute=3, stored_bytes=10**12)
    key = keys.create("ci", frozenset(["train", "infer"]), limits, expires_at=4e9)
    (known,) = keys.list()
    assert (known.name, known.digest, known.scopes) == ("ci", digest_key(key), {"infer", "train"})
    assert (known.limits, known.expires_at, known.revoked_at) == (limits, 4e9, None)
    with database.read() as connection:
        assert key not in repr(connection.execute(select(API_KEYS)).all())


def test_create_refuses_a_name_in_use(database: Database) -> None:
    keys = KeyStore(database)
    keys.create("ci", INFER, KeyLimits())
    with pytest.raises(NameTaken, match="revoke it"):
        keys.create("ci", INFER, KeyLimits())
    keys.revoke("ci")
    keys.create("ci", INFER, KeyLimits())
    assert [known.revoked_at is None for known in keys.list()] == [False, True]


def test_create_refuses_a_name_that_logs_cannot_show(database: Database) -> None:
    with pytest.raises(InvalidInput):
        KeyStore(database).create("a\nb", INFER, KeyLimits())


def test_revoked_key_keeps_its_row_until_it_is_forgotten(database: Database) -> None:
    keys = KeyStore(database)
    keys.create("ci", INFER, KeyLimits())
    keys.revoke("ci")
    with pytest.raises(NotFound, match="not revoked"):
        keys.revoke("ci")
    (known,) = keys.list()
    assert known.revoked_at is not None
    assert known.expires_at == math.inf
    keys.forget("ci")
    assert keys.list() == []
    with pytest.raises(NotFound):
        keys.forget("ci")


def test_list_of_a_database_without_tables_is_empty(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    keys = KeyStore(database)
    assert keys.list() == []
    with database.write() as connection:
        connection.execute(text("CREATE TABLE other (x INTEGER)"))
    assert keys.list() == []
    database.close()
