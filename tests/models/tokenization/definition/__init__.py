"""The package `tests.models.tokenization.definition`."""
