"""The package `tests.models.tasks.classification`."""
