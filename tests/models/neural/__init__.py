"""The package `tests.models.neural`."""
