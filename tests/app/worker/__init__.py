"""The package `tests.app.worker`."""
