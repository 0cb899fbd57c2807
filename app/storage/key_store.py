"""API keys in the database, as hashes: made, listed and revoked; the keys themselves are kept nowhere.

A revoked key keeps its row, so that a service whose last key is revoked does not open to everybody; `forget` removes
it.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, inspect, select, update

from app.core.api_keys import SCOPES, ApiKey, KeyLimits, Scope, check_key_name, digest_key, generate_key
from app.core.exceptions import NameTaken, NotFound
from app.storage.database import Database, Epoch
from app.storage.tables import API_KEYS

KEYS_LOCK = "nextword:keys"
_Row: TypeAlias = Row[*tuple[Any, ...]]


class KeyStore:
    """The API keys of a database. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._has_table = False

    def create(self, name: str, scopes: frozenset[Scope], limits: KeyLimits, expires_at: float = math.inf) -> str:
        """Make a key and return it; it is never to be had again.

        Raises NameTaken where a key that is not revoked has the name, and InvalidInput for a bad name.
        """
        key = generate_key()
        values = {
            "name": check_key_name(name),
            "digest": digest_key(key).hex(),
            "scopes": " ".join(scope for scope in SCOPES if scope in scopes),
            "limits": {field: value for field, value in asdict(limits).items() if value is not None},
            "expires_at": None if expires_at == math.inf else expires_at,
        }
        with self.database.write(KEYS_LOCK) as connection:
            if connection.execute(select(API_KEYS.c.number).where(_is_valid(name))).one_or_none():
                raise NameTaken(f"there is a key named {name!r}: revoke it, or take another name")
            connection.execute(insert(API_KEYS).values(created_at=Epoch(), **values))
        return key

    def revoke(self, name: str) -> None:
        """Have a key refused from now on; raises NotFound."""
        with self.database.write(KEYS_LOCK) as connection:
            if not connection.execute(update(API_KEYS).where(_is_valid(name)).values(revoked_at=Epoch())).rowcount:
                raise NotFound(f"there is no key {name!r} that is not revoked; `nextword keys list` shows all")

    def forget(self, name: str) -> None:
        """Remove every key of a name, revoked or not, as if it had never been; raises NotFound."""
        with self.database.write(KEYS_LOCK) as connection:
            if not connection.execute(delete(API_KEYS).where(API_KEYS.c.name == name)).rowcount:
                raise NotFound(f"there is no key {name!r}; `nextword keys list` shows all")

    def list(self) -> list[ApiKey]:
        """Return all keys, revoked and expired ones too, in the order of their creation."""
        with self.database.read() as connection:
            if not self._finds_table(connection):
                return []
            rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.number)).all()
        return [_key_of(row) for row in rows]

    def _finds_table(self, connection: Connection) -> bool:
        """Return whether the table is made; a database of an older version has no keys."""
        self._has_table = self._has_table or inspect(connection).has_table(API_KEYS.name)
        return self._has_table


def _is_valid(name: str) -> Any:
    return (API_KEYS.c.name == name) & API_KEYS.c.revoked_at.is_(None)


def _key_of(row: _Row) -> ApiKey:
    return ApiKey(
        name=row.name,
        digest=bytes.fromhex(row.digest),
        scopes=frozenset(scope for scope in SCOPES if scope in row.scopes.split()),
        limits=KeyLimits(**row.limits),
        created_at=row.created_at,
        expires_at=math.inf if row.expires_at is None else row.expires_at,
        revoked_at=row.revoked_at,
    )
