"""Tokens to readable text, one at a time: which tokens stand against their neighbours and which apart.

It knows English punctuation and looks only backwards, so that a stream of pieces, joined, is the text. It does not
know ids' probabilities or how the text was cut, and does not promise that cutting its text again gives the same ids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.base import EOS, UNK

CLOSING = frozenset([*",.;:!?)]}%°…", "''", "”", "\u2019", "...", "'", "n't", "N'T", "n\u2019t", "N\u2019T"])
"""No blank before these."""
OPENING = frozenset([*"([{$£€#", "`", "``", "“", "\u2018"])
"""No blank after these."""
HYPHENS = {"-": "-", "/": "/", "@-@": "-", "@,@": ",", "@.@": "."}
"""Joined to the words on both sides, and how each is written; the last three are wikitext's."""
APART = re.compile(r"['\u2019](em|tis|twas)", re.IGNORECASE)
"""Begin with an apostrophe, and yet are words of their own."""
CONTRACTION = re.compile(r"['\u2019]\w+")


class Detokenizer:
    """Reads tokens; says what text each one adds."""

    def __init__(self, vocabulary: Sequence[str], *, joined: bool = False) -> None:
        self._vocabulary = vocabulary
        self._joined = joined
        self._begin_line()

    def push(self, token: int) -> str:
        """The text that `token` adds to what came before, a blank in front included."""
        if self._joined:
            return {UNK: "\ufffd", EOS: ""}.get(int(token), self._vocabulary[token])
        if token == EOS:
            self._begin_line()
            return "\n"
        return self._add(self._vocabulary[token])

    def _begin_line(self) -> None:
        self._before = ""  # the token before, in this line
        self._before_that = ""
        self._glued = True  # whether the next token stands against it
        self._quotes = {'"': False, "'": False}  # which are open

    def _add(self, token: str) -> str:
        written, glue_left, glue_right = self._sides(token)
        piece = written if glue_left or self._glued else " " + written
        self._before_that, self._before, self._glued = self._before, token, glue_right
        return piece

    def _sides(self, token: str) -> tuple[str, bool, bool]:
        """How `token` is written, and whether it stands against what is before and what comes after."""
        in_word = self._before[-1:].isalnum()
        if token in HYPHENS:
            return HYPHENS[token], in_word, in_word
        if token in self._quotes:
            return (token, *self._quote(token, in_word))
        if CONTRACTION.fullmatch(token):
            return token, in_word and not APART.fullmatch(token), False
        return token, token in CLOSING or self._continues_number(token), token in OPENING

    def _quote(self, mark: str, in_word: bool) -> tuple[bool, bool]:
        """A quotation mark that looks the same at both ends closes if one is open; after a word, "'" is possessive."""
        opens = not self._quotes[mark] and not (mark == "'" and (in_word or "`" in self._before))
        self._quotes[mark] = opens
        return not opens, opens

    def _continues_number(self, token: str) -> bool:
        """Whether `token` is the "000" of "1,000" or the "14" of "3.14"."""
        if not (token.isdecimal() and self._before_that.isdecimal()):
            return False
        return self._before == "." or (self._before == "," and len(token) == 3)
