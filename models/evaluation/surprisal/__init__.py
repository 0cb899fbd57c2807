"""Surprisal of the words of a text, and what a model expected in their places."""
