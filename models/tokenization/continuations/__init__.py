"""Continuations of typed text: the tokens that a text may have which begins with it."""
