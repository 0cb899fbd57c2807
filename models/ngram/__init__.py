"""The package `models.ngram`."""
