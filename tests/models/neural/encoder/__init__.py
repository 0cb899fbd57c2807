"""The package `tests.models.neural.encoder`."""
