"""The package `models.utils`."""
