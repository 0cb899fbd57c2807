"""The package `app.worker`."""
