"""Tests of `models.neural.int8`."""
