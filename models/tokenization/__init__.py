"""The package `models.tokenization`."""
