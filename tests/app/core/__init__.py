"""The package `tests.app.core`."""
