"""The package `app.core`."""
