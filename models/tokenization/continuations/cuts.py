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
    followed_by: text behind which the token after is looked for, too: what follows may part it from a longer one.
    hidden: bytes at the beginning of the token after that are not in the text: a blank that its tokenizer adds.
    """

    head: bytes
    beginnings: tuple[bytes, ...]
    certain: bool = False
    hidden: int = 0
    followed_by: bytes = b""


def word_cuts(typed: str, *, pretokenized: bool) -> Iterator[Cut]:
    """Yield where a word may begin: behind white space, and beside what is no letter or digit."""
    _, first = last_word(typed)
    rest = typed[first:]
    yield _cut(typed, first, certain=first == 0 or pretokenized or rest[:1].isalnum() or not rest)
    for i in range(len(typed) if pretokenized else first + 1, len(typed)):
        if not (typed[i - 1].isalnum() and typed[i].isalnum()):
            yield _cut(typed, i)
            if typed[i - 1] in "'\u2019" and typed[i].isalnum():  # 'twas is one token, but 'twasn't begins with two
                yield _cut(typed, i)._replace(followed_by=b"n't")
        elif i == len(typed) - 1 and typed[i] in "nN":
            yield Cut(typed[:i].encode(), tuple((typed[i] + mark).encode() for mark in "'\u2019"))
        elif _UNFINISHED_NOT.match(typed, i):
            yield _cut(typed, i)


def _cut(typed: str, position: int, *, certain: bool = False) -> Cut:
    return Cut(typed[:position].encode(), (typed[position:].encode(),), certain)


def byte_cuts(typed: bytes, longest: int, *, certain: bool, hides_blanks: bool) -> Iterator[Cut]:
    """Yield where a part of a word may begin: anywhere in the last line, not too far from its end.

    longest: bytes of the longest token.
    certain: whether every token that begins the line is one that text can hold there.
    hides_blanks: whether tokens may begin with a blank that is not in the text, as many do at its beginning.
    """
    line = typed.rfind(b"\n") + 1
    if line == len(typed):
        yield Cut(typed, (b"",), certain=True)
    for i in range(max(line, len(typed) - longest), len(typed)):
        head, rest = typed[:i], typed[i:]
        yield Cut(head, (rest,), certain=certain and i == line)
        if hides_blanks and not head.endswith(b" "):
            yield Cut(head, (b" " + rest,), hidden=1)
