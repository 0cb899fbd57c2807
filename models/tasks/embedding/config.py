"""Choices of an embedding; loads neither torch nor Numba."""

from __future__ import annotations

from typing import Literal, TypeAlias

EmbeddingPooling: TypeAlias = Literal["mean", "max", "last"]
"""How the vectors of a text's tokens become one: their `mean` or `max` number by number, or the vector after the whole
text."""
