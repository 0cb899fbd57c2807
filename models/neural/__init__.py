"""The package `models.neural`."""
