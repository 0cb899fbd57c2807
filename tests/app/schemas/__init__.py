"""The package `tests.app.schemas`."""
