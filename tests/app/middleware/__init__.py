"""The package `tests.app.middleware`."""
