"""The package `tests.models.tokenization`."""
