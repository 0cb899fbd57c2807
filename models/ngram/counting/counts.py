"""Token ids to n-gram counts: all orders fall out of one sorting of the positions of the text.

It knows that a text is lines that each end in `</s>`, and that a line is preceded by one too. It does not know
discounts, probabilities or text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ngram.counting.suffix_array import count_tokens
from models.special_tokens import EOS
from models.utils.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one order that occur, sorted by (parent, token); row i of each array is n-gram i."""

    begins: IntArray
    """[contexts + 1] where the n-grams of each context begin; they end where those of the next one do."""
    token: IntArray
    """Last word."""
    suffix: IntArray
    """Row of the n-gram without its first word, one order below."""
    count: IntArray
    """How often it occurs."""

    def __len__(self) -> int:
        return len(self.token)

    @property
    def parent(self) -> IntArray:
        """Row of the n-gram without its last word, one order below."""
        return np.repeat(np.arange(len(self.begins) - 1, dtype=self.begins.dtype), np.diff(self.begins))


@dataclass(frozen=True, eq=False)
class Counts:
    """The n-grams of orders 1 to N; `levels[n - 1]` are those of order n. All V words are unigrams, seen or not."""

    levels: list[Level]
    vocabulary_size: int

    def context_count(self, n: int) -> int:
        """How many contexts of n words there are: n-grams of order n, or the empty one."""
        return len(self.levels[n - 1]) if n else 1

    def adjusted_counts(self, n: int) -> IntArray:
        """What Kneser-Ney counts of order n: below order N, how many different words precede the n-gram.

        N-grams that begin at the boundary have nothing before them and keep how often they occur, as do those of
        order N (Chen and Goodman 1999, section 4.1.6; the boundary as in `lmplz`).
        """
        level = self.levels[n - 1]
        if n == len(self.levels):
            return level.count
        types = np.zeros_like(level.count)
        count_tokens(self.levels[n].suffix, types)
        boundary = slice(*self.boundary_rows()[n - 1])
        types[boundary] = level.count[boundary]
        return types

    def boundary_rows(self) -> list[tuple[int, int]]:
        """Per order, the rows of the n-grams that begin at the boundary; none for unigrams, where `</s>` is an end."""
        rows = [(0, 0)]
        begin, end = EOS, EOS + 1
        for level in self.levels[1:]:
            begin, end = int(level.begins[begin]), int(level.begins[end])
            rows.append((begin, end))
        return rows
