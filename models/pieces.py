"""Short texts, piece by piece: the tokens of what stands between two spaces are found once and then remembered.

It knows that a tokenizer never looks across a space, so that a text's tokens are those of its pieces. It does not know
how a piece is cut. For a sentence, calling compiled loops and filling arrays takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

REMEMBERED = 1 << 15
"""Pieces; when there are more, all are forgotten."""
LONGEST = 64
"""Characters of a piece that is remembered."""


class Piece(NamedTuple):
    """The tokens of a piece: their ids and, whether the vocabulary has it or not, the surface form of each."""

    ids: list[int]
    oov: list[bool]
    surfaces: list[str]


class Pieces:
    """What has been cut before, by what stood there. Any number of threads may ask it."""

    def __init__(self, cut: Callable[[str], Piece]) -> None:
        self._cut = cut
        self._known: dict[str, Piece] = {}

    def read(self, text: str) -> Piece:
        """The tokens of `text`. Raises what cutting it raises."""
        whole = Piece([], [], [])
        for piece in text.split(" "):
            found = self._known.get(piece) or self._find(piece)
            whole.ids.extend(found.ids)
            whole.oov.extend(found.oov)
            whole.surfaces.extend(found.surfaces)
        return whole

    def _find(self, piece: str) -> Piece:
        found = self._cut(piece)
        if len(piece) <= LONGEST:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[piece] = found
        return found
