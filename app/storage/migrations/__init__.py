"""Migrations of the database: `migrate` brings an older one, or an empty one, to the newest tables.

The steps are in `versions`. They spell out their columns rather than import them from `tables`, since a step must keep
its meaning when the tables change. Alembic, which takes them, is imported only for a database that has older tables: a
server starts more quickly without it. A new database has the newest tables at once: rows that a step writes must be
written by `_create_tables` as well. A lock lets one process migrate at a time.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from app.storage.database import Database
from app.storage.tables import METADATA

MIGRATIONS_LOCK = "nextword:migrations"
NEWEST_REVISION = max(path.name[1:5] for path in Path(__file__).with_name("versions").glob("v*.py"))
"""Revision of the newest step, which its file is named after."""


def migrate(database: Database) -> None:
    """Migrate the database to the newest tables in one transaction; other processes wait for it.

    Raises DatabaseUnavailable.
    """
    if _revision(database) == NEWEST_REVISION:
        return
    with database.write(MIGRATIONS_LOCK) as connection:
        if inspect(connection).get_table_names():
            take_steps(connection)
        else:
            _create_tables(connection)


def missing_migrations(database: Database) -> int:
    """Return how many migrations the database lacks; below 0 if a newer program made its tables.

    Raises DatabaseUnavailable.
    """
    return int(NEWEST_REVISION) - int(_revision(database))


def take_steps(connection: Connection) -> None:
    """Take the steps that a database lacks."""
    from alembic import command  # here, because a database that is new or up to date does without it
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _revision(database: Database) -> str:
    """Return the revision of the tables, 0000 where there are none."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return "0000"
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "0000")


def _create_tables(connection: Connection) -> None:
    """Create the tables as the steps would leave them, and note their revision as Alembic does."""
    METADATA.create_all(connection)
    primary_key = "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)"
    connection.execute(text(f"CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, {primary_key})"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": NEWEST_REVISION})
