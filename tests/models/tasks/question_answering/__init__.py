"""The package `tests.models.tasks.question_answering`."""
