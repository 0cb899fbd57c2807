"""The package `models.neural.int8`."""
