"""Migrations of the database with Alembic: `migrate` brings any older database to the newest tables.

The steps are in `versions`. They spell out their columns rather than import them from `tables`, since a step must keep
its meaning when the tables change. A lock lets one process migrate at a time.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.storage.database import Database

MIGRATIONS_LOCK = "nextword:migrations"


def migrate(database: Database) -> None:
    """Migrate the database to the newest tables in one transaction; other processes wait for it.

    Raises DatabaseUnavailable.
    """
    config = _config()
    with database.write(MIGRATIONS_LOCK) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def missing_migrations(database: Database) -> int:
    """Return how many migrations the database lacks. Raises DatabaseUnavailable."""
    scripts = ScriptDirectory.from_config(_config())
    with database.read() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return sum(1 for _ in scripts.iterate_revisions(scripts.get_current_head(), present))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
