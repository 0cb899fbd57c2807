"""Places where the last token of a typed text may begin: `word_cuts`, `byte_cuts`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from models.tokenization.continuations.typed_text import last_word

_UNFINISHED_NOT = re.compile(r"[nN](?:['\u2019][tT]?)?\Z")
"""Beginning of an "n't", a token of its own, at the end of a text."""


class Cut(NamedTuple):
    """Typed text in two parts, between which a token may begin.

    head: the text before.
    beginnings: how the token after may begin.
    certain: whether a token begins there, whatever comes; otherwise the tokenizer must be asked.
    """

    head: bytes
    beginnings: tuple[bytes, ...]
    certain: bool = False


def word_cuts(typed: str, *, pretokenized: bool) -> Iterator[Cut]:
    """Yield where a word may begin: behind white space, and beside what is no letter or digit."""
    _, first = last_word(typed)
    rest = typed[first:]
    yield _cut(typed, first, certain=first == 0 or pretokenized or rest[:1].isalnum() or not rest)
    for i in range(len(typed) if pretokenized else first + 1, len(typed)):
        if not (typed[i - 1].isalnum() and typed[i].isalnum()):
            yield _cut(typed, i)
        elif i == len(typed) - 1 and typed[i] in "nN":
            yield Cut(typed[:i].encode(), tuple((typed[i] + mark).encode() for mark in "'\u2019"))
        elif _UNFINISHED_NOT.match(typed, i):
            yield _cut(typed, i)


def _cut(typed: str, position: int, *, certain: bool = False) -> Cut:
    return Cut(typed[:position].encode(), (typed[position:].encode(),), certain)


def byte_cuts(typed: bytes, longest: int, *, certain: bool) -> Iterator[Cut]:
    """Yield where a part of a word may begin: anywhere in the last line, not too far from its end.

    longest: bytes of the longest token.
    certain: whether every token that begins the line is one that text can hold there.
    """
    line = typed.rfind(b"\n") + 1
    if line == len(typed):
        yield Cut(typed, (b"",), certain=True)
    for i in range(max(line, len(typed) - longest), len(typed)):
        yield Cut(typed[:i], (typed[i:],), certain=certain and i == line)
