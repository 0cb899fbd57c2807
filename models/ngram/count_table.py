"""Counts of n-grams: `Level` stores those of one order, `CountTable` looks n-grams up in all.

A table holds what Katz, Kneser and Ney write c(h w), c(h) and N1+(. h w), so that each number of a smoothing can be
traced to the text. Whole texts are counted by `counting`; a server only looks up what was published beside a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.utils.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one order that occur, sorted by (parent, token); row i of each array is n-gram i."""

    child_offsets: IntArray
    """[contexts + 1] row of the first n-gram of each context; its n-grams end where those of the next begin."""
    token: IntArray
    """Last word."""
    suffix: IntArray
    """Row of the n-gram without its first word, one order below."""
    count: IntArray
    """Number of occurrences."""

    def __len__(self) -> int:
        return len(self.token)

    @property
    def parent(self) -> IntArray:
        """Row of the n-gram without its last word, one order below."""
        contexts = np.arange(len(self.child_offsets) - 1, dtype=self.child_offsets.dtype)
        return np.repeat(contexts, np.diff(self.child_offsets))

    def children(self, context: int) -> slice:
        """Return the rows of the n-grams that begin with a context, a row one order below."""
        begin, end = self.child_offsets[context : context + 2].tolist()
        return slice(begin, end)


@dataclass(frozen=True)
class NgramCounts:
    """Counts of one n-gram h w: its context h, and its last word w."""

    order: int
    """Its length."""
    ids: list[int]
    """Its token ids."""
    count: int
    """c(h w), its occurrences."""
    context_count: int
    """c(h), the occurrences of its context before any word; of the empty one, all tokens."""
    continuation_count: int | None
    """N1+(. h w): how many different words occur before it. None at the highest order."""
    successors: int | None
    """N1+(h w .), how many different words occur after it. None at the highest order."""

    @property
    def relative_frequency(self) -> float | None:
        """c(h w) / c(h); None where h never occurred, so that the ratio is undefined."""
        return self.count / self.context_count if self.context_count else None


class CountTable:
    """Counts of all n-grams up to some order, those of order n in `levels[n - 1]`.

    All words of the vocabulary are rows of the first level, seen or not.

    >>> from models.ngram.counting.extraction import count_ngrams
    >>> counts = CountTable(count_ngrams(np.array([2, 3, 1, 2, 3, 1, 2, 4, 1]), order=2, vocabulary_size=5).levels)
    >>> [(entry.count, entry.context_count) for entry in counts.describe([2, 3])]
    [(2, 3), (2, 9)]
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = list(levels)
        self._continuation_counts: dict[int, NDArray[np.int32]] = {}

    @property
    def order(self) -> int:
        """Length of the longest n-grams that were counted."""
        return len(self.levels)

    def find(self, ids: Sequence[int]) -> int | None:
        """Return the row of an n-gram among those of its order, 0 for the empty one; None if it never occurs."""
        row = 0
        for n, token in enumerate(ids, start=1):
            row = self._find_children(n, row, [token])[0]
            if row < 0:
                return None
        return row

    def rows_after(self, context: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """Return the row of the n-gram that each of `tokens` makes with a context; -1 where it never occurs."""
        row = self.find(context)
        return [-1] * len(tokens) if row is None else self._find_children(len(context) + 1, row, tokens)

    def describe(self, ids: Sequence[int]) -> list[NgramCounts]:
        """Return the counts of the n-grams that `ids`, one or more, end in, the longest first."""
        longest = min(len(ids), self.order)
        return [self._describe(list(ids[len(ids) - n :])) for n in range(longest, 0, -1)]

    def count(self, ids: Sequence[int]) -> int:
        """Return c(h w): how often an n-gram occurs."""
        row = self.find(ids)
        return 0 if row is None else int(self.levels[len(ids) - 1].count[row])

    def continuation_count(self, ids: Sequence[int]) -> int:
        """Return N1+(. h w): how many different words occur before an n-gram shorter than the order."""
        row = self.find(ids)
        return 0 if row is None else int(self.continuation_counts(len(ids))[row])

    def followers(self, ids: Sequence[int]) -> slice:
        """Return the rows of the n-grams that begin with a context of fewer words than the order."""
        row = self.find(ids)
        return slice(0, 0) if row is None else self.levels[len(ids)].children(row)

    def context_count(self, ids: Sequence[int]) -> int:
        """Return c(h): how often a context of fewer words than the order occurs before some word."""
        return int(self.levels[len(ids)].count[self.followers(ids)].sum(dtype=np.int64))

    def continuation_counts(self, n: int) -> NDArray[np.int32]:
        """Return how many different words precede each n-gram of order n, below the highest [rows].

        Counted when first needed: 10 ms for a million n-grams.
        """
        if n not in self._continuation_counts:
            sizes = np.bincount(self.levels[n].suffix, minlength=len(self.levels[n - 1]))
            self._continuation_counts[n] = sizes.astype(np.int32)
        return self._continuation_counts[n]

    def warm_up(self) -> None:
        """Count what precedes all n-grams now."""
        for n in range(1, self.order):
            self.continuation_counts(n)

    def _find_children(self, n: int, context: int, tokens: Sequence[int]) -> list[int]:
        """Return the rows of the n-grams of order n that begin with the row `context` and end in `tokens`."""
        rows, all_tokens = self.levels[n - 1].children(context), self.levels[n - 1].token
        # Numbers of another type would have all that are searched converted first.
        places = np.searchsorted(all_tokens[rows], np.array(tokens, all_tokens.dtype)).tolist()
        found = ((rows.start + place, token) for place, token in zip(places, tokens, strict=True))
        return [row if row < rows.stop and all_tokens[row] == token else -1 for row, token in found]

    def _describe(self, ids: list[int]) -> NgramCounts:
        n, count, context_count = len(ids), self.count(ids), self.context_count(ids[:-1])
        if n == self.order:
            return NgramCounts(n, ids, count, context_count, None, None)
        followers = self.followers(ids)
        return NgramCounts(n, ids, count, context_count, self.continuation_count(ids), followers.stop - followers.start)
