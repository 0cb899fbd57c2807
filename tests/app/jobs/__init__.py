"""The package `tests.app.jobs`."""
