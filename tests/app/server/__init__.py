"""The package `tests.app.server`."""
