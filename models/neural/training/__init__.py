"""The package `models.neural.training`."""
