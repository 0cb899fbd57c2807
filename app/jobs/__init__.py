"""The package `app.jobs`."""
