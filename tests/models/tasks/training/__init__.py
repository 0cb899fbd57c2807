"""The package `tests.models.tasks.training`."""
