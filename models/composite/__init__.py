"""The package `models.composite`."""
