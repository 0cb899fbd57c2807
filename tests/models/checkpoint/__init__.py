"""The package `tests.models.checkpoint`."""
