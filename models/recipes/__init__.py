"""The package `models.recipes`."""
