"""Scoring of the records of large files, and selection of those worth keeping."""
