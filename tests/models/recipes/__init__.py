"""The package `tests.models.recipes`."""
