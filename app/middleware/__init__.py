"""The package `app.middleware`."""
