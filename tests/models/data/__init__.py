"""The package `tests.models.data`."""
