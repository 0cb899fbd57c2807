"""Fixtures that several tests share."""

from tests.composition import compose_command
from tests.databases import database, database_url, empty_url, migrated, migrated_postgresql, postgresql

__all__ = ["compose_command", "database", "database_url", "empty_url", "migrated", "migrated_postgresql", "postgresql"]
