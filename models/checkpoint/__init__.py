"""The package `models.checkpoint`."""
