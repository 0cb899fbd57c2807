"""The package `tests.models.ngram.smoothing`."""
