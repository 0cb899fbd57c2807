"""Fixtures that several tests share."""

from tests.helpers.composition import compose_command
from tests.helpers.databases import database, database_url, empty_url, migrated, migrated_postgresql, postgresql

__all__ = ["compose_command", "database", "database_url", "empty_url", "migrated", "migrated_postgresql", "postgresql"]
