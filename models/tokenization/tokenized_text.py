"""Tokens of a text as lists, with their forms in it: `TokenizedText`, `TokensWithOffsets`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from models.utils.arrays import Int64Array


class TokenizedText(NamedTuple):
    """Tokens of a text: their ids, whether each is out of vocabulary, and their surface forms."""

    ids: list[int]
    oov: list[bool]
    surface_forms: list[str]

    @classmethod
    def concat(cls, parts: Sequence[TokenizedText]) -> TokenizedText:
        """Concatenate the tokens of one or more `parts`."""
        ids, oov, surface_forms = zip(*parts, strict=True)
        return cls(*(list(chain.from_iterable(column)) for column in (ids, oov, surface_forms)))


class TokensWithOffsets(NamedTuple):
    """Tokens of a text as in `TokenizedText`, and where each stands in it."""

    ids: list[int]
    oov: list[bool]
    surface_forms: list[str]
    offsets: Int64Array
    """[T, 2]: begin and end of each token in characters of the text, its end excluded."""
