"""KeyUsage: how much of a key's limits all server processes together have taken in the current minute.

Each process takes quota in slices and gives it out without the database, so that most requests cost no query. A slice
is a share of what is left: few queries while there is much, one a request when there is little. No more is ever given
out than the limit; at the end of a minute some of it may lie unused in processes that took it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, insert, select, update

from app.storage.database import Database, Epoch
from app.storage.tables import API_KEY_USAGE

USAGE_LOCK = "nextword:api_key_usage"
WINDOW_SECONDS = 60
SLICE_SHARE = 8
"""One part in so many of what is left is taken at a time."""
Kind: TypeAlias = Literal["requests", "tokens"]


@dataclass(frozen=True)
class Slice:
    """A part of a limit that one process may give out until the minute ends."""

    granted: int
    remaining: int
    """What is left for others; below zero where more was used than the limit."""
    seconds: float
    """Until the minute ends by the database's clock."""


class KeyUsage:
    """Usage of all limited keys in a database. Raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def take(self, name: str, kind: Kind, limit: int, debt: int) -> Slice:
        """Take a slice of a key's limit for this minute, after a `debt` of this process.

        debt: what was used without having been taken. What is beyond the limit is taken off the following minutes.
        """
        with self.database.write(USAGE_LOCK) as connection:
            now = connection.execute(select(Epoch())).scalar_one()
            minute = int(now // WINDOW_SECONDS)
            taken = _taken(connection, name, kind, minute, limit) + debt
            left = max(0, limit - taken)
            granted = min(left, max(1, left // SLICE_SHARE))
            values = {"minute": minute, "taken": taken + granted}
            of_key = (API_KEY_USAGE.c.name == name) & (API_KEY_USAGE.c.kind == kind)
            if not connection.execute(update(API_KEY_USAGE).where(of_key).values(**values)).rowcount:
                connection.execute(insert(API_KEY_USAGE).values(name=name, kind=kind, **values))
        return Slice(granted, limit - taken - granted, WINDOW_SECONDS - now % WINDOW_SECONDS)


def _taken(connection: Connection, name: str, kind: Kind, minute: int, limit: int) -> int:
    """Return what was taken in a minute so far, and too much in those before."""
    columns = select(API_KEY_USAGE.c.minute, API_KEY_USAGE.c.taken)
    row = connection.execute(columns.where(API_KEY_USAGE.c.name == name, API_KEY_USAGE.c.kind == kind)).one_or_none()
    if row is None or row.minute > minute:  # a minute to come: the clock was set back
        return 0
    return int(row.taken if row.minute == minute else max(0, row.taken - limit * (minute - row.minute)))
