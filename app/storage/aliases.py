"""Aliases: names that mean one version of a model, and can be made to mean another from one request to the next.

Knows the table, and a snapshot of it that requests read without asking the database. It does not know which models
there are: callers bring the check, and it is made under the lock that keeps aliases and deletions apart.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, delete, insert, select, update

from app.core.exceptions import DatabaseUnavailable, ModelInUse, NotFound
from app.storage.database import Database, Epoch
from app.storage.tables import ALIASES

logger = logging.getLogger(__name__)
ALIASES_LOCK = "nextword:aliases"


@dataclass(frozen=True)
class Alias:
    """A name for one version of a model."""

    alias: str
    name: str
    version: int
    updated_at: float
    """When it was last changed, in seconds since 1970."""

    @property
    def model(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


class AliasStore:
    """The aliases of a database. What changes it here holds from the next request on; elsewhere, `watch` notices.

    Methods that ask the database raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.snapshot: Mapping[str, Alias] = MappingProxyType({})
        # Held from reading the table to showing it: a look begun before a change must not be shown after it.
        self._snapshot_lock = threading.Lock()

    def resolve(self, model: str) -> str:
        """The `name@version` that an alias means; anything else as it is."""
        found = self.snapshot.get(model)
        return model if found is None else found.model

    def put(self, alias: str, name: str, version: int, check: Callable[[], None]) -> Alias:
        """Let the alias mean that model from now on; `check` raises where that cannot be."""
        with self._snapshot_lock:
            found = self._put(alias, name, version, check)
            self._set_snapshot(found)
        return found[alias]

    def _put(self, alias: str, name: str, version: int, check: Callable[[], None]) -> dict[str, Alias]:
        with self.database.write(ALIASES_LOCK) as connection:
            check()
            values = {"name": name, "version": version, "updated_at": Epoch()}
            if not connection.execute(update(ALIASES).where(ALIASES.c.alias == alias).values(**values)).rowcount:
                connection.execute(insert(ALIASES).values(alias=alias, **values))
            return _read_aliases(connection)

    def delete(self, alias: str) -> None:
        """Forget an alias; raises NotThere."""
        with self._snapshot_lock:
            self._set_snapshot(self._delete(alias))

    def _delete(self, alias: str) -> dict[str, Alias]:
        with self.database.write(ALIASES_LOCK) as connection:
            if not connection.execute(delete(ALIASES).where(ALIASES.c.alias == alias)).rowcount:
                raise NotFound(f"there is no alias {alias!r}")
            return _read_aliases(connection)

    def run_unless_aliased(self, name: str, version: int, remove: Callable[[], None]) -> None:
        """Call `remove` while no alias means that model, nor can come to; raises ModelInUse where one does."""
        with self.database.write(ALIASES_LOCK) as connection:
            wanted = (ALIASES.c.name == name) & (ALIASES.c.version == version)
            users = connection.execute(select(ALIASES.c.alias).where(wanted)).scalars().all()
            if users:
                raise ModelInUse(
                    f"{name}@{version} is what {', '.join(map(repr, users))} means; let it mean another first"
                )
            remove()

    def refresh(self) -> None:
        """Bring the snapshot up to the database."""
        with self._snapshot_lock, self.database.read() as connection:
            self._set_snapshot(_read_aliases(connection))

    async def refresh_periodically(self, seconds: float) -> None:
        """Refresh forever, off the event loop, pausing in between; what cannot be read is left as it was."""
        while True:
            try:
                await asyncio.to_thread(self.refresh)
            except DatabaseUnavailable as error:
                logger.warning("aliases stay as they were: %s", error)
            await asyncio.sleep(seconds)

    def _set_snapshot(self, found: dict[str, Alias]) -> None:
        # One assignment: a request sees all of the aliases as they were, or all as they are.
        self.snapshot = MappingProxyType(found)


def _read_aliases(connection: Connection) -> dict[str, Alias]:
    columns = (ALIASES.c.alias, ALIASES.c.name, ALIASES.c.version, ALIASES.c.updated_at)
    return {row.alias: Alias(*row) for row in connection.execute(select(*columns).order_by(ALIASES.c.alias))}
