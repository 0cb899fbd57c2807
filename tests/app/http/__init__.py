"""The package `tests.app.http`."""
