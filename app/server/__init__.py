"""The package `app.server`."""
