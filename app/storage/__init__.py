"""The package `app.storage`."""
