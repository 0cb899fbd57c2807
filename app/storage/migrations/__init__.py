"""Migrations of the database with Alembic: `migrate` brings any older database to the newest tables.

The steps are in `versions`. They spell out their columns rather than import them from `tables`, since a step must keep
its meaning when the tables change. A lock lets one process migrate at a time.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from app.storage.database import Database

MIGRATIONS_LOCK = "nextword:migrations"


def migrate(database: Database) -> None:
    """Migrate the database to the newest tables in one transaction; other processes wait for it.

    Raises DatabaseUnavailable.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write(MIGRATIONS_LOCK) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
