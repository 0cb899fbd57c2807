"""The package `tests.models.kernels`."""
