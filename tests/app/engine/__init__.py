"""The package `tests.app.engine`."""
