"""The package `tests.models.tasks`."""
