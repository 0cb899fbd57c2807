"""The package `tests.models.neural.training`."""
