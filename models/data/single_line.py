"""Parts of a text that is a single line, as text8 is: cut between two words, each a line of its own.

A text comes in pieces, each with its place in characters, since it may be larger than memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from models.tokenization.raw_text import WHITESPACE

Piece: TypeAlias = tuple[int, str]
"""Place of a piece of text, in characters, and the text."""
BLANKS = WHITESPACE.replace("\n", "").replace("\r", "")
"""Blanks at which a line may be cut."""
_BLANK = re.compile(f"[{BLANKS}]")


def find_border(pieces: Iterable[Piece], target: int) -> int | None:
    """Return the place of the first blank between words from `target` on, else of the last before.

    None where there is none.

    >>> find_border([(0, "one two"), (7, " three four")], target=9)
    13
    """
    before = None
    for position, text in _without_leading_blanks(pieces):
        if match := _BLANK.search(text, max(target - position, 0)):
            return position + match.start()
        place = max(map(text.rfind, BLANKS))
        before = position + place if place >= 0 else before
    return before


def as_whole_line(pieces: Iterable[Piece], line_end: str) -> Iterator[str]:
    """Yield the pieces of a part of a line without blanks at its start, and with `line_end` at its end.

    >>> list(as_whole_line([(7, " three"), (13, " four")], "\\n"))
    ['three', ' four', '\\n']
    """
    last = line_end
    for _, text in _without_leading_blanks(pieces):
        yield text
        last = text or last
    if not last.endswith(line_end):
        yield line_end


def _without_leading_blanks(pieces: Iterable[Piece]) -> Iterator[Piece]:
    begun = False
    for position, text in pieces:
        rest = text if begun else text.lstrip(BLANKS)
        begun = begun or bool(rest)
        yield position + len(text) - len(rest), rest
