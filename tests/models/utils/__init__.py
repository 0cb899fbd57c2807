"""The package `tests.models.utils`."""
