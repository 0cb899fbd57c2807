"""The package `models.inference`."""
