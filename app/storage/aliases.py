"""Aliases of models: names for one version, which can be pointed to another between two requests.

`AliasStore` keeps a snapshot of the table in memory, which requests read without a query. Callers bring the check that
a model exists; it runs under the lock that keeps changes of aliases and deletions of models apart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection, Text, and_, cast, delete, insert, or_, select, update

from app.core.exceptions import DatabaseUnavailable, ModelInUse, ModelLoading, NotFound
from app.storage.database import Database, Epoch
from app.storage.tables import ALIASES, JOBS, JOBS_LOCK, OPEN_STATUSES
from models.errors import CheckpointNotFound

Result = TypeVar("Result")
ALIASES_LOCK = "nextword:aliases"


@dataclass(frozen=True)
class Alias:
    """A name for one version of a model."""

    alias: str
    name: str
    version: int
    updated_at: float
    """Time of the last change, in seconds since 1970."""

    @property
    def model(self) -> str:
        """The model as `name@version`."""
        return f"{self.name}@{self.version}"


class AliasStore:
    """Aliases in a database, with a snapshot for requests.

    A change made here holds from the next request on; changes by other processes are picked up by `refresh`. Methods
    that use the database raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.snapshot: Mapping[str, Alias] = MappingProxyType({})
        self.is_read = False
        """Whether the table was read since the start."""
        # Held from reading the table to replacing the snapshot: an older reading must not replace a newer one.
        self._snapshot_lock = threading.Lock()

    def resolve(self, model: str) -> str:
        """Return the `name@version` of an alias; a string that is no alias is returned unchanged."""
        alias = self.snapshot.get(model)
        return model if alias is None else alias.model

    def find(self, model: str, get: Callable[[str], Result]) -> Result:
        """Return what `get` has for the model that a name means, an alias or its own.

        Raises as `get` does, but ModelLoading where it has none, and the name may be an alias that was not read yet.
        """
        try:
            return get(self.resolve(model))
        except CheckpointNotFound:
            if self.is_read or "@" in model:
                raise
            raise ModelLoading(
                f"whether {model!r} is an alias is not known yet: the database has not answered"
            ) from None

    def read_snapshot(self) -> Mapping[str, Alias]:
        """Return all aliases; raises DatabaseUnavailable where they were not read yet."""
        if not self.is_read:
            raise DatabaseUnavailable("the aliases are not known yet: the database has not answered")
        return self.snapshot

    def put(self, alias: str, name: str, version: int, check: Callable[[], None]) -> Alias:
        """Point an alias to a model; `check` raises where that is not allowed."""
        with self._snapshot_lock:
            with self.database.write(ALIASES_LOCK) as connection:
                check()
                values = {"name": name, "version": version, "updated_at": Epoch()}
                if not connection.execute(update(ALIASES).where(ALIASES.c.alias == alias).values(**values)).rowcount:
                    connection.execute(insert(ALIASES).values(alias=alias, **values))
                aliases = _read_aliases(connection)
            self._set_snapshot(aliases)
        return aliases[alias]

    def delete(self, alias: str) -> None:
        """Delete an alias; raises NotFound."""
        with self._snapshot_lock:
            with self.database.write(ALIASES_LOCK) as connection:
                if not connection.execute(delete(ALIASES).where(ALIASES.c.alias == alias)).rowcount:
                    raise NotFound(f"there is no alias {alias!r}")
                aliases = _read_aliases(connection)
            self._set_snapshot(aliases)

    def run_unless_aliased(self, name: str, version: int, remove: Callable[[], None]) -> None:
        """Call `remove` while no alias can refer to the model; raises ModelInUse where one does."""
        with self.database.write(ALIASES_LOCK) as connection:
            _refuse_aliased(connection, name, version)
            remove()

    def run_unless_needed(self, name: str, version: int, remove: Callable[[], None]) -> None:
        """Call `remove` while no alias and no unfinished job can refer to the model; raises ModelInUse."""
        with self.database.write(ALIASES_LOCK, JOBS_LOCK) as connection:
            _refuse_aliased(connection, name, version)
            _refuse_needed(connection, name, version)
            remove()

    def refresh(self) -> None:
        """Read the snapshot anew from the database."""
        with self._snapshot_lock, self.database.read() as connection:
            self._set_snapshot(_read_aliases(connection))

    def _set_snapshot(self, aliases: dict[str, Alias]) -> None:
        # One assignment: a request sees all aliases before the change, or all after it.
        self.snapshot = MappingProxyType(aliases)
        self.is_read = True


def _refuse_aliased(connection: Connection, name: str, version: int) -> None:
    of_model = (ALIASES.c.name == name) & (ALIASES.c.version == version)
    aliases = connection.execute(select(ALIASES.c.alias).where(of_model)).scalars().all()
    if aliases:
        raise ModelInUse(f"{name}@{version} is what {', '.join(map(repr, aliases))} means; let it mean another first")


def _refuse_needed(connection: Connection, name: str, version: int) -> None:
    """Raise ModelInUse where an unfinished job names the model in its request, or makes it."""
    names = cast(JOBS.c.request, Text).contains(f'"{name}@{version}"', autoescape=True)
    makes = and_(JOBS.c.name == name, JOBS.c.version == version)
    users = select(JOBS.c.id).where(JOBS.c.status.in_(OPEN_STATUSES), or_(names, makes))
    if job_id := connection.execute(users.limit(1)).scalar():
        raise ModelInUse(f"{name}@{version} is needed by job {job_id!r}, which is not finished")


def _read_aliases(connection: Connection) -> dict[str, Alias]:
    columns = (ALIASES.c.alias, ALIASES.c.name, ALIASES.c.version, ALIASES.c.updated_at)
    return {row.alias: Alias(*row) for row in connection.execute(select(*columns).order_by(ALIASES.c.alias))}
