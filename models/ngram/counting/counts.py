"""Counts: the n-grams that occur in a text, order by order, and how often.

A text is lines that each end in `</s>`, and a line is preceded by one too. So `</s>` is only the first word of an
n-gram (the boundary as a context) or its last (the predicted end).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.suffix_array import count_unigrams
from models.special_tokens import EOS
from models.utils.arrays import Float64Array, IntArray
from models.utils.scratch import Scratch, windows


@dataclass(frozen=True, eq=False)
class Counts:
    """The n-grams that occur, those of order n in `levels[n - 1]`; all V words are unigrams, seen or not."""

    levels: list[Level]
    vocabulary_size: int
    is_closed: bool = False
    """Whether `<unk>` has no probability: no n-gram holds it, and as a unigram its `suffix` is row 1 of `uniform`."""

    @property
    def uniform(self) -> Float64Array:
        """Order zero: the probability of each word, and in a closed vocabulary of none, for `<unk>`."""
        return np.array([1.0 / self.word_count, 0.0][: 1 + self.is_closed])

    @property
    def word_count(self) -> int:
        """Number of words that may have a probability."""
        return self.vocabulary_size - self.is_closed

    def with_vocabulary_size(self, vocabulary_size: int) -> Counts:
        """Return the counts of the same text for a larger vocabulary, whose new words have the highest ids.

        >>> from models.ngram.counting.extraction import count_ngrams
        >>> counts = count_ngrams(np.array([2, 3, 1]), order=2, vocabulary_size=4).with_vocabulary_size(6)
        >>> counts.levels[0].count.tolist()
        [0, 1, 1, 1, 0, 0]
        """
        words, *longer = self.levels
        more = vocabulary_size - self.vocabulary_size
        none = np.zeros(more, words.count.dtype)
        tokens = np.arange(vocabulary_size, dtype=words.token.dtype)
        offsets = np.array([0, vocabulary_size], words.child_offsets.dtype)
        suffix, count = np.concatenate([words.suffix, none]), np.concatenate([words.count, none])
        if longer:  # none begins with a new word: the ranges of those are empty, behind the last one
            longer[0] = replace(longer[0], child_offsets=np.pad(longer[0].child_offsets, (0, more), "edge"))
        return Counts([Level(offsets, tokens, suffix, count), *longer], vocabulary_size, self.is_closed)

    def context_count(self, n: int) -> int:
        """Return the number of contexts of n words: n-grams of order n, or the empty one."""
        return len(self.levels[n - 1]) if n else 1

    def adjusted_counts(self, n: int, scratch: Scratch | None = None) -> IntArray:
        """Return the counts that Kneser-Ney smooths: how many different words precede each n-gram.

        Those are the counts below order N only. N-grams that begin at the boundary have nothing before them and keep
        how often they occur, as do those of order N (Chen and Goodman 1999, section 4.1.6; the boundary as in `lmplz`).
        """
        level, scratch = self.levels[n - 1], scratch or Scratch()
        if n == len(self.levels):
            return level.count
        preceding: IntArray = count_rows(self.levels[n].suffix, len(level), level.count.dtype, scratch)
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


def count_rows(rows: IntArray, size: int, dtype: Any, scratch: Scratch) -> IntArray:
    """Return how often each of `size` rows occurs in `rows`; within a budget by windows that fit."""
    occurrences: IntArray = scratch.zeros(size, dtype)
    if not scratch.is_limited:
        count_unigrams(rows, occurrences)
        return occurrences
    for first, window in windows(occurrences, scratch):
        for part in scratch.slices(len(rows)):
            local = rows[part] - first
            inside = local if len(window) == size else local[(local >= 0) & (local < len(window))]
            count_unigrams(inside, window)
        for part in scratch.slices(len(window)):
            occurrences[first + part.start : first + part.stop] = window[part]
    return occurrences
