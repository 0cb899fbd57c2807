"""Tests of `models.kernels`."""
