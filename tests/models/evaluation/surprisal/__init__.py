"""The package `tests.models.evaluation.surprisal`."""
