"""The package `tests.models.neural.int8`."""
