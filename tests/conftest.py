"""Fixtures that several tests share."""

from tests.databases import database, database_url, empty_url, migrated, migrated_postgresql, postgresql

__all__ = ["database", "database_url", "empty_url", "migrated", "migrated_postgresql", "postgresql"]
