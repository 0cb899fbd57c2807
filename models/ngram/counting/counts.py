"""Counts: the n-grams that occur in a text, order by order, and how often.

A text is lines that each end in `</s>`, and a line is preceded by one too. So `</s>` is only the first word of an
n-gram (the boundary as a context) or its last (the predicted end).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.suffix_array import count_unigrams
from models.special_tokens import EOS
from models.utils.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Counts:
    """The n-grams that occur, those of order n in `levels[n - 1]`; all V words are unigrams, seen or not."""

    levels: list[Level]
    vocabulary_size: int

    def context_count(self, n: int) -> int:
        """Return the number of contexts of n words: n-grams of order n, or the empty one."""
        return len(self.levels[n - 1]) if n else 1

    def adjusted_counts(self, n: int) -> IntArray:
        """Return the counts that Kneser-Ney smooths: how many different words precede each n-gram.

        Those are the counts below order N only. N-grams that begin at the boundary have nothing before them and keep
        how often they occur, as do those of order N (Chen and Goodman 1999, section 4.1.6; the boundary as in `lmplz`).
        """
        level = self.levels[n - 1]
        if n == len(self.levels):
            return level.count
        preceding = np.zeros_like(level.count)
        count_unigrams(self.levels[n].suffix, preceding)
        boundary = slice(*self.boundary_rows()[n - 1])
        preceding[boundary] = level.count[boundary]
        return preceding

    def boundary_rows(self) -> list[tuple[int, int]]:
        """Return the rows of each order that begin at the boundary; none for unigrams, where `</s>` is an end."""
        rows = [(0, 0)]
        begin, end = EOS, EOS + 1
        for level in self.levels[1:]:
            begin, end = int(level.child_offsets[begin]), int(level.child_offsets[end])
            rows.append((begin, end))
        return rows
