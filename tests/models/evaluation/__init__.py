"""The package `tests.models.evaluation`."""
