"""The package `app.engine`."""
