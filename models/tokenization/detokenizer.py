"""Detokenizing: tokens to readable text, one token at a time, so that generated text can be streamed.

`Detokenizer` joins words and punctuation by the rules of English, looking only backwards. Its text may split into
other tokens than those it was given. `ByteDetokenizer` joins sub-word tokens, exactly.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from models.special_tokens import EOS, UNK, UNK_TOKEN
from models.tokenization.config import BYTE_TO_UNICODE

_CJK_MARKS = "\u3001\u3002\uff0c\uff01\uff1f\uff1b\uff1a\u300d\u300f\uff09\u3011\u3009\u300b"
"""Punctuation of Chinese and Japanese that ends something; it brings its own space."""
_OTHER_MARKS = "\u060c\u061b\u061f\u06d4\u0964\u0965"
"""Comma, semicolon, question mark and full stop of Arabic and Urdu, and the dandas of India."""
NO_SPACE_BEFORE = re.compile(rf"[,.;:!?)\]}}%°…{_CJK_MARKS}{_OTHER_MARKS}]+|''|[”\u2019]|[nN]['\u2019][tT]")
"""Tokens joined to the token before them."""
NO_SPACE_AFTER = re.compile(rf"[(\[{{$£€#\u300c\u300e\uff08\u3010\u3008\u300a{_CJK_MARKS}]+|`|``|[“\u2018]")
"""Tokens joined to the token after them."""
ZERO_WIDTH_SPACE = "\u200b"
"""Separator of words in scripts without blanks, joined to the words on both sides."""
JOINERS = {"-": "-", "/": "/", "@-@": "-", "@,@": ",", "@.@": "."}
"""Tokens joined to the words on both sides, and how each is written; the last three are WikiText's."""
STANDALONE_CONTRACTION = re.compile(r"['\u2019](em|tis|twas)", re.IGNORECASE)
"""Contractions that are words of their own, not joined to the word before them."""
CONTRACTION = re.compile(r"['\u2019][^\W\d]\w*")
"""An apostrophe and letters."""
APOSTROPHE_FINAL_WORD = re.compile(r"\w*(s|in)|o|th|wi|ol", re.IGNORECASE)
"""Words that take an apostrophe at their end: boys', goin', o'. After any other it opens a quotation."""
NUMBER_CONTINUATION = {".": re.compile(r"\d+"), ",": re.compile(r"\d{3}"), ":": re.compile(r"\d\d")}
"""Digits that continue a number after a punctuation mark: 3.14, 1,000, 5:30."""
UNICODE_TO_BYTE = {character: byte for byte, character in enumerate(BYTE_TO_UNICODE)}
"""Byte that each character of a bpe token stands for."""


class Detokenizer:
    """Joiner of the tokens of one text: `push` returns the text that each token adds.

    `verbatim`: tokens are joined without spaces, as characters are; `<unk>` adds U+FFFD, one character.
    `text_end`: what `</s>` adds.
    """

    def __init__(self, vocabulary: Sequence[str], *, verbatim: bool = False, text_end: str = "\n") -> None:
        self._vocabulary = vocabulary
        self._verbatim = verbatim
        self._text_end = text_end
        self._begin_line()

    def push(self, token: int) -> str:
        """Return the text that `token` adds to what came before, with the space in front of it, if any."""
        if self._verbatim:
            return {UNK: "\ufffd", EOS: self._text_end}.get(int(token), self._vocabulary[token])
        if token == EOS:
            self._begin_line()
            return self._text_end
        return self._add(self._vocabulary[token])

    def read(self, context: Sequence[int]) -> None:
        """Read tokens that stand before the next one, and whose text is known."""
        for token in context:
            self.push(token)

    def _begin_line(self) -> None:
        self._before = ""  # the token before, in this line
        self._before_that = ""
        self._glued = True  # whether the next token is joined to it
        self._open_quotes = {'"': False, "'": False}

    def _add(self, token: str) -> str:
        text, glue_left, glue_right = self._join(token)
        piece = text if glue_left or self._glued else " " + text
        self._before_that, self._before, self._glued = self._before, token, glue_right
        return piece

    def _join(self, token: str) -> tuple[str, bool, bool]:
        """Return how `token` is written, and whether it is joined to the token before and to the one after it."""
        if token.isalnum():  # true of most tokens and of none below, so it is asked first
            return token, self._continues(token), False
        # Words may end in a vowel sign of Hindi, and names in other characters: C++.
        in_word = self._before[:1].isalnum() or self._before[-1:].isalnum() or self._before == UNK_TOKEN
        if token == ZERO_WIDTH_SPACE:
            return token, True, True
        if token in JOINERS:
            return JOINERS[token], in_word, in_word
        if token in self._open_quotes:
            return (token, *self._join_quote(token))
        if token == "`":
            self._open_quotes["'"] = True
        if CONTRACTION.fullmatch(token):
            return token, in_word and not STANDALONE_CONTRACTION.fullmatch(token), False
        closes, opens = NO_SPACE_BEFORE.fullmatch(token), NO_SPACE_AFTER.fullmatch(token)
        return token, closes is not None or self._continues(token), opens is not None

    def _join_quote(self, mark: str) -> tuple[bool, bool]:
        """Return to which sides a straight quotation mark is joined: it closes a quotation or opens one."""
        if mark == "'" and not self._open_quotes[mark] and APOSTROPHE_FINAL_WORD.fullmatch(self._before):
            return True, False
        self._open_quotes[mark] = opens = not self._open_quotes[mark]
        return not opens, opens

    def _continues(self, token: str) -> bool:
        """Whether `token` continues a number or an abbreviation ("p.m.") after a punctuation mark."""
        if self._before == "." and len(token) == len(self._before_that) == 1 and token.isalpha():
            return self._before_that.isalpha() and token.isupper() == self._before_that.isupper()
        pattern = NUMBER_CONTINUATION.get(self._before)
        return pattern is not None and self._before_that.isdecimal() and pattern.fullmatch(token) is not None


class ByteDetokenizer(Detokenizer):
    """Joiner of sub-word tokens; a character comes once all of its bytes are there."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        super().__init__(vocabulary)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def push(self, token: int) -> str:
        """Return the text that `token` completes, perhaps none."""
        if token in (UNK, EOS):
            return self._decode(b"", True) + (UNK_TOKEN if token == UNK else "\n")
        return self._decode(bytes(UNICODE_TO_BYTE[character] for character in self._vocabulary[token]))
