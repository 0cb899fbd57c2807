"""The package `models.ngram.counting`."""
