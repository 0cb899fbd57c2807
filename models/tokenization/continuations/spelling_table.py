"""Spellings of a vocabulary as columns of bytes, to compare all tokens with typed text at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from unicodedata import category

import numpy as np

from models.special_tokens import EOS
from models.tokenization.raw_text import WHITESPACE
from models.utils.arrays import BoolArray, ByteArray, Int64Array

MAX_SPELLING_BYTES = 100
"""Bytes of the longest token that is looked at; longer ones are rows of blanks or dashes, and no words."""
_BLANKS = frozenset(WHITESPACE)
_INSIDE_WORDS = ("", "'", "\u2019", "-", "\ufffd")
"""Characters inside of words, and what stands for half a character."""
_NEGATION = ("n't", "n\u2019t")
"""Tokens that word tokenizers part from the letters before them."""


class SpellingTable:
    """Bytes that each token writes, and what tells whether it can stand in a word.

    columns: [L, V] byte i of each token, 0 past its end.
    lengths: [V] bytes of each token.
    spellable: ids, ascending, of the tokens that a word can hold: no special ones, and none with a blank inside.
    joins_left, joins_right: [V] whether a word tokenizer may find the token right behind another one, or before it.

    >>> table = SpellingTable([b"<unk>", b"</s>", b"do", b"n't", b" of the"])
    >>> table.spellable.tolist(), table.joins_left[table.spellable].tolist()
    ([2, 3], [False, True])
    """

    def __init__(self, spellings: Sequence[bytes]) -> None:
        """Build the table of `spellings` [V], of which the special tokens come first."""
        self.lengths: Int64Array = np.array([len(spelling) for spelling in spellings], np.int64)
        longest = min(MAX_SPELLING_BYTES, int(self.lengths[EOS + 1 :].max(initial=1)))
        rows = b"".join(spelling[:longest].ljust(longest, b"\0") for spelling in spellings)
        self.columns: ByteArray = np.frombuffer(rows, np.uint8).reshape(-1, longest).T.copy()
        self._texts = texts = [spelling.decode(errors="replace") for spelling in spellings]
        is_whole = np.array([_BLANKS.isdisjoint(text[1:]) for text in texts])
        spellable = is_whole & (self.lengths > 0) & (self.lengths <= longest)
        spellable[: EOS + 1] = False
        self.spellable: Int64Array = np.flatnonzero(spellable)
        self.joins_left: BoolArray = np.array([_joins_left(text) for text in texts])
        self.joins_right: BoolArray = np.array([not text[-1:].isalnum() for text in texts])

    def find_words(self, forms: Iterable[str]) -> Int64Array:
        """Return the ids, ascending, of the tokens that are one of `forms` in any case of letters."""
        return np.array(sorted({i for form in forms for i in self._ids_by_form.get(form.casefold(), ())}), np.int64)

    @cached_property
    def begins_with_mark(self) -> BoolArray:
        """Whether each ordinary token [V] begins with punctuation, with which a word ends."""
        return np.array([i > EOS and is_mark(text[:1]) for i, text in enumerate(self._texts)], np.bool_)

    @cached_property
    def holds_mark(self) -> BoolArray:
        """Whether each token [V] holds punctuation."""
        return np.array([any(map(is_mark, text)) for text in self._texts], np.bool_)

    @cached_property
    def marks(self) -> Int64Array:
        """Ids of the tokens that are nothing but punctuation."""
        spellable = ((i, self._texts[i]) for i in self.spellable.tolist())
        return np.array([i for i, text in spellable if not any(map(str.isalnum, text)) and is_mark(text[:1])], np.int64)

    @cached_property
    def _ids_by_form(self) -> dict[str, list[int]]:
        ids: dict[str, list[int]] = {}
        for i in self.spellable.tolist():
            ids.setdefault(self._texts[i].casefold(), []).append(i)
        return ids


def is_mark(character: str) -> bool:
    """Whether a character is punctuation or a symbol, but none that stands inside words.

    >>> is_mark(","), is_mark("'"), is_mark("")
    (True, False, False)
    """
    return character not in _INSIDE_WORDS and category(character)[0] in "PS"


def _joins_left(text: str) -> bool:
    return not text[:1].isalnum() or text.lower() in _NEGATION
