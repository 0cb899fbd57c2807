"""The package `tests.app.storage`."""
