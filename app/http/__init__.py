"""The package `app.http`."""
