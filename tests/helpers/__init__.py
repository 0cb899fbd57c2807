"""The package `tests.helpers`."""
