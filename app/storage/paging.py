"""Lists a page at a time: newest first, going on behind the last row of the page before.

Knows tables whose rows have an `id`, which clients see, and a `number` in the order of creation, which they do not.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, Table, select

from models.errors import InvalidInput

_Row: TypeAlias = Row[*tuple[Any, ...]]


def page(
    connection: Connection, table: Table, wanted: Select[*tuple[Any, ...]], after: str | None, limit: int
) -> tuple[list[_Row], bool]:
    """At most `limit` rows of `wanted` from behind row `after`, and whether there are more.

    Raises InvalidInput where there is no such row to go on from.
    """
    if after is not None:
        number = connection.execute(select(table.c.number).where(table.c.id == after)).scalar_one_or_none()
        if number is None:
            raise InvalidInput("after", f"there is no {after!r}; give the id of the last one on the page before")
        wanted = wanted.where(table.c.number < number)
    rows = list(connection.execute(wanted.order_by(table.c.number.desc()).limit(limit + 1)))
    return rows[:limit], len(rows) > limit
