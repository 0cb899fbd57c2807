"""The package `tests.models.inference`."""
