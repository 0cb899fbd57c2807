"""Short texts, piece by piece: the tokens of what stands between two spaces are found once and then remembered.

It knows that a tokenizer never looks across a space, so that a text's tokens are those of its pieces. It does not know
how pieces are cut. For a sentence, calling compiled loops and filling arrays takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
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

    def __init__(self, cut: Callable[[list[str]], list[Piece]]) -> None:
        """`cut` is given several at a time, each once."""
        self._cut = cut
        self._known: dict[str, Piece] = {}

    def read(self, text: str) -> Piece:
        """The tokens of `text`. Raises what cutting it raises."""
        pieces = text.split(" ")
        whole = Piece([], [], [])
        for found in map(self._known.get, pieces):
            if found is None:
                return self._read(pieces)
            whole.ids.extend(found.ids)
            whole.oov.extend(found.oov)
            whole.surfaces.extend(found.surfaces)
        return whole

    def _read(self, pieces: list[str]) -> Piece:
        """The tokens of pieces of which not all are known."""
        known = self._known
        new = [piece for piece in dict.fromkeys(pieces) if piece not in known]
        cut = dict(zip(new, self._cut(new), strict=True))
        self._remember({piece: found for piece, found in cut.items() if len(piece) <= LONGEST})
        found = [cut.get(piece) or known[piece] for piece in pieces]
        return Piece(*(list(chain.from_iterable(column)) for column in zip(*found, strict=True)))

    def _remember(self, found: dict[str, Piece]) -> None:
        if len(self._known) + len(found) > REMEMBERED:
            self._known = {}
        self._known |= found
