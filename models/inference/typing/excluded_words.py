"""Words that are never shown: `ExcludedWords`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array

_HALF = "\ufffd"
"""Character in the place of bytes that are no whole one."""


class ExcludedWords:
    """A set of words, whatever the case of their letters and the punctuation around them.

    >>> excluded = ExcludedWords(["darn"])
    >>> excluded.hides("oh Darn, no"), excluded.hides("darning")
    (True, False)
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(map(_bare, words))

    def hides(self, text: str) -> bool:
        """Whether a completion holds one of the words, or ends inside a character."""
        return _HALF in text or not self._words.isdisjoint(map(_bare, text.split()))

    def token_ids(self, tokenizer: Tokenizer) -> Int64Array:
        """Return the ids of the tokens of a word model that are one of the words."""
        if not self._words or tokenizer.boundary_tokens is not None:
            return np.zeros(0, np.int64)
        return tokenizer.continuations.spelling_table.find_words(self._words)


def _bare(word: str) -> str:
    """Return a word without the case of its letters, and without punctuation around it."""
    folded = word.casefold()
    begin, end = 0, len(folded)
    while begin < end and not folded[begin].isalnum():
        begin += 1
    while end > begin and not folded[end - 1].isalnum():
        end -= 1
    return folded[begin:end] or folded
