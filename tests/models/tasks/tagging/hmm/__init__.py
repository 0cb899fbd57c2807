"""The package `tests.models.tasks.tagging.hmm`."""
