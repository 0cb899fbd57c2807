"""The package `models.ngram.smoothing`."""
