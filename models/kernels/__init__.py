"""The package `models.kernels`."""
