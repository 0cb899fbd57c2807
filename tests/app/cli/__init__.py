"""The package `tests.app.cli`."""
