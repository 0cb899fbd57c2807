"""How the tables came to be what they are, step by step, and the one call that takes a database there.

Knows Alembic and the lock that lets one process at a time migrate. The steps are in `versions`; they spell out
their columns rather than import them, since a step must keep meaning what it meant when it was written.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from app.storage.database import Database

MIGRATIONS_LOCK = "nextword:migrations"


def migrate(database: Database) -> None:
    """Bring the database to the newest tables, in one transaction and one process; the others wait, then find it done.

    Raises DatabaseUnavailable.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write(MIGRATIONS_LOCK) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
