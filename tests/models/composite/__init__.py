"""The package `tests.models.composite`."""
