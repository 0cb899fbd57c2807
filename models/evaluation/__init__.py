"""The package `models.evaluation`."""
