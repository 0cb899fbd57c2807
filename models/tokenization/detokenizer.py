"""Tokens to readable text, one at a time: which tokens stand against their neighbours and which apart.

It knows English punctuation and looks only backwards, so that a stream of pieces, joined, is the text. It does not
know ids' probabilities or how the text was cut, and does not promise that cutting its text again gives the same ids.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from models.special_tokens import EOS, UNK, UNK_TOKEN
from models.tokenization.config import BYTE_TO_UNICODE

NO_SPACE_BEFORE = re.compile(r"[,.;:!?)\]}%°…]+|''|[”\u2019]|[nN]['\u2019][tT]")
"""No blank before these."""
NO_SPACE_AFTER = re.compile(r"[(\[{$£€#]+|`|``|[“\u2018]")
"""No blank after these."""
JOINERS = {"-": "-", "/": "/", "@-@": "-", "@,@": ",", "@.@": "."}
"""Joined to the words on both sides, and how each is written; the last three are wikitext's."""
STANDALONE_CONTRACTION = re.compile(r"['\u2019](em|tis|twas)", re.IGNORECASE)
"""Begin with an apostrophe, and yet are words of their own."""
CONTRACTION = re.compile(r"['\u2019][^\W\d]\w*")
APOSTROPHE_FINAL_WORD = re.compile(r"\w*(s|in)|o|th|wi|ol", re.IGNORECASE)
"""Words after which an apostrophe alone is theirs: the boys', goin', o'. After others it opens a quotation."""
NUMBER_CONTINUATION = {".": re.compile(r"\d+"), ",": re.compile(r"\d{3}"), ":": re.compile(r"\d\d")}
"""What continues a number after a mark: 3.14, 1,000, 5:30."""


class Detokenizer:
    """Reads tokens; says what text each one adds.

    `joined`: whether tokens stand side by side as they are, as characters do: then `</s>` adds nothing, and `<unk>` is
    U+FFFD, a single character too.
    """

    def __init__(self, vocabulary: Sequence[str], *, verbatim: bool = False) -> None:
        self._vocabulary = vocabulary
        self._verbatim = verbatim
        self._begin_line()

    def push(self, token: int) -> str:
        """The text that `token` adds to what came before, a blank in front included."""
        if self._verbatim:
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
        if token.isalnum():  # most are, and none of those below
            return token, self._continues(token), False
        in_word = self._before[-1:].isalnum() or self._before == UNK_TOKEN
        if token in JOINERS:
            return JOINERS[token], in_word, in_word
        if token in self._quotes:
            return (token, *self._quote(token))
        if token == "`":
            self._quotes["'"] = True
        if CONTRACTION.fullmatch(token):
            return token, in_word and not STANDALONE_CONTRACTION.fullmatch(token), False
        closing, opening = NO_SPACE_BEFORE.fullmatch(token), NO_SPACE_AFTER.fullmatch(token)
        return token, closing is not None or self._continues(token), opening is not None

    def _quote(self, mark: str) -> tuple[bool, bool]:
        """The sides of a quotation mark that looks the same at both ends: it closes if one is open, else it opens."""
        if mark == "'" and not self._quotes[mark] and APOSTROPHE_FINAL_WORD.fullmatch(self._before):
            return True, False
        self._quotes[mark] = opens = not self._quotes[mark]
        return not opens, opens

    def _continues(self, token: str) -> bool:
        """Whether `token` goes on after a mark without a blank: in numbers, and in abbreviations like "p.m."."""
        if self._before == "." and len(token) == len(self._before_that) == 1 and token.isalpha():
            return self._before_that.isalpha() and token.isupper() == self._before_that.isupper()
        pattern = NUMBER_CONTINUATION.get(self._before)
        return pattern is not None and self._before_that.isdecimal() and pattern.fullmatch(token) is not None


_UNICODE_TO_BYTE = {character: byte for byte, character in enumerate(BYTE_TO_UNICODE)}


class ByteDetokenizer(Detokenizer):
    """Reads sub-word tokens; a character is told once all of its bytes are there."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        super().__init__(vocabulary)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def push(self, token: int) -> str:
        """The text that `token` completes."""
        if token in (UNK, EOS):
            return self._decode(b"", True) + (UNK_TOKEN if token == UNK else "\n")
        return self._decode(bytes(_UNICODE_TO_BYTE[character] for character in self._vocabulary[token]))
