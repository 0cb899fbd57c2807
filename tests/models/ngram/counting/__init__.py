"""The package `tests.models.ngram.counting`."""
