"""The package `models.data`."""
