"""Token ids to n-gram counts, order by order, by sorting.

It knows that a text is lines that each end in `</s>`, that a line is preceded by one too, and that an n-gram holds
`</s>` only as its first word (the boundary as context) or as its last (the end, predicted). It does not know
discounts, probabilities or text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.base import EOS
from models.errors import InvalidInput, TrainingFailed

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one order that occur, sorted by (parent, token); row i of each array is n-gram i."""

    parent: Ints
    """Row of the n-gram without its last word, one order below."""
    token: Ints
    """Last word."""
    suffix: Ints
    """Row of the n-gram without its first word, one order below."""
    count: Ints
    """How often it occurs."""

    def __len__(self) -> int:
        return len(self.token)


@dataclass(frozen=True, eq=False)
class Counts:
    """The n-grams of orders 1 to N; `levels[n - 1]` are those of order n. All V words are unigrams, seen or not."""

    levels: list[Level]
    vocabulary_size: int

    def contexts(self, n: int) -> int:
        """How many contexts of n words there are: n-grams of order n, or the empty one."""
        return len(self.levels[n - 1]) if n else 1

    def adjusted(self) -> list[Ints]:
        """What Kneser-Ney counts: below order N, how many different words precede the n-gram.

        N-grams that begin at the boundary have nothing before them and keep how often they occur, as do those of
        order N (Chen and Goodman 1999, section 4.1.6; the boundary as in `lmplz`).
        """
        counts: list[Ints] = []
        for level, (begin, end), longer in zip(self.levels, self.boundary(), self.levels[1:], strict=False):
            types = np.bincount(longer.suffix, minlength=len(level))
            types[begin:end] = level.count[begin:end]
            counts.append(types)
        return [*counts, self.levels[-1].count]

    def boundary(self) -> list[tuple[int, int]]:
        """Per order, the rows of the n-grams that begin at the boundary; none for unigrams, where `</s>` is an end."""
        rows = [(0, 0)]
        begin, end = EOS, EOS + 1
        for level in self.levels[1:]:
            begin, end = (int(at) for at in np.searchsorted(level.parent, [begin, end]))
            rows.append((begin, end))
        return rows


def count(ids: Ints, order: int, vocabulary_size: int) -> Counts:
    """Count the n-grams of orders 1 to `order` in `ids` [T], lines each ending in `</s>`. Memory grows with T.

    Raises TrainingFailed for no tokens at all, InvalidInput for ids outside the vocabulary.
    """
    if len(ids) == 0:
        raise TrainingFailed("the training text holds no tokens")
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise InvalidInput("ids", f"must be from 0 to {vocabulary_size - 1}")
    index = np.int32 if max(len(ids), vocabulary_size) < 2**31 - 1 else np.int64
    text: Ints = np.concatenate([[EOS], ids]).astype(index)
    levels, rows = [_unigrams(text, vocabulary_size)], text
    for n in range(2, order + 1):
        level, rows = _extend(text, rows, n, vocabulary_size)
        levels.append(level)
    return Counts(levels, vocabulary_size)


def _unigrams(text: Ints, vocabulary_size: int) -> Level:
    words = np.arange(vocabulary_size, dtype=text.dtype)
    occurrences = np.bincount(text[1:], minlength=vocabulary_size).astype(text.dtype)
    return Level(np.zeros_like(words), words, np.zeros_like(words), occurrences)


def _extend(text: Ints, rows: Ints, n: int, vocabulary_size: int) -> tuple[Level, Ints]:
    """From the row of the (n-1)-gram that ends at each position (-1: none) to level n and the same for n-grams."""
    continues = rows[:-1] >= 0
    if n > 2:
        continues &= text[:-1] != EOS
    ends = np.flatnonzero(continues) + 1
    ranks, where = _sort(rows[ends - 1], text[ends], vocabulary_size)
    ends = ends[where]
    first = np.flatnonzero(ranks[1:] != ranks[:-1]) + 1 if len(ranks) else ranks
    starts = np.concatenate([np.zeros(min(len(ranks), 1), np.int64), first])
    counts = np.diff(starts, append=len(ranks)).astype(text.dtype)
    longer = np.full_like(text, -1)
    longer[ends] = np.repeat(np.arange(len(starts), dtype=text.dtype), counts)
    sample = ends[starts]
    return Level(rows[sample - 1], text[sample], rows[sample], counts), longer


def _sort(parents: Ints, tokens: Ints, vocabulary_size: int) -> tuple[Ints, Ints]:
    """Sort pairs; return one key a pair, rising, and the place each came from.

    Key and place share one 64-bit number where they fit, since sorting numbers is several times faster than sorting
    places by them.
    """
    keys = parents.astype(np.int64) * vocabulary_size + tokens
    bits = max(1, len(keys)).bit_length()
    if len(keys) and int(keys.max()) < 2 ** (63 - bits):
        packed = np.sort(keys << bits | np.arange(len(keys)))
        return packed >> bits, packed & (2**bits - 1)
    where = np.argsort(keys, kind="stable")
    return keys[where], where
