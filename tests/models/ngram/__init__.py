"""The package `tests.models.ngram`."""
