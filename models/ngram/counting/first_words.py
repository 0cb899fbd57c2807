"""Counts of n-grams by ranges of first words: `RangeCounts`, cut out, summed and joined again.

N-grams are sorted by their words, so those that begin with a range of words are neighbours in every order. Ranges are
summed apart from each other, without looking at their suffixes, which lie in other ranges; `join_ranges` finds these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.errors import InvalidInput
from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.counting.linking import link_suffixes
from models.ngram.counting.runs import Runs
from models.ngram.counting.soundness import are_all_rising, are_cuts, are_whole, is_least
from models.utils.arrays import IntArray
from models.utils.scratch import Scratch


class RangeLevel(NamedTuple):
    """The n-grams of one order that begin with a range of words, sorted."""

    child_offsets: IntArray
    """[contexts + 1] where the n-grams of each context, an n-gram one order below, begin in the range."""
    token: IntArray
    occurrences: IntArray


@dataclass(frozen=True, eq=False)
class RangeCounts:
    """Counts of the n-grams whose first word is from `first_word` on: as many words as `unigrams` has."""

    first_word: int
    unigrams: IntArray
    """[words] occurrences of each word of the range."""
    levels: list[RangeLevel]
    """Orders 2 and up."""

    @property
    def ngram_count(self) -> int:
        """Number of n-grams, words included."""
        return len(self.unigrams) + sum(len(level.token) for level in self.levels)

    def check(self, vocabulary_size: int) -> None:
        """Raise InvalidInput unless the arrays are sound for the compiled loops, which check nothing."""
        contexts = len(self.unigrams)
        is_sound = are_whole(self.unigrams) and is_least(self.unigrams, 0)
        for level in self.levels:
            is_sound = is_sound and all(map(are_whole, level)) and len(level.child_offsets) == contexts + 1
            is_sound = is_sound and len(level.token) == len(level.occurrences) and is_least(level.occurrences, 1)
            is_sound = is_sound and are_cuts(level.child_offsets, len(level.token))
            is_sound = is_sound and are_all_rising(level.child_offsets, level.token, vocabulary_size)
            contexts = len(level.token)
        if not is_sound:
            raise InvalidInput("counts", "must be n-grams in order, each counted once or more")


def cut_range(counts: Counts, begin: int, end: int, scratch: Scratch) -> RangeCounts:
    """Return the counts of the n-grams whose first word is from `begin` to `end`, which is excluded.

    >>> from models.ngram.counting.extraction import count_ngrams
    >>> part = cut_range(count_ngrams(np.array([2, 3, 2, 1]), 2, vocabulary_size=4), 2, 4, Scratch())
    >>> part.unigrams.tolist(), [column.tolist() for column in part.levels[0]]
    ([2, 1], [[0, 2, 3], [1, 3, 2], [1, 1, 1]])
    """
    unigrams, levels = counts.levels[0].count[begin:end], []
    contexts = slice(begin, end)
    for level in counts.levels[1:]:
        offsets = level.child_offsets[contexts.start : contexts.stop + 1]
        rows = slice(int(offsets[0]), int(offsets[-1]))
        levels.append(RangeLevel(_shifted(offsets, -rows.start, scratch), level.token[rows], level.count[rows]))
        contexts = rows
    return RangeCounts(begin, unigrams, levels)


def sum_ranges(parts: Iterable[RangeCounts], words: range, order: int, tokens: int, scratch: Scratch) -> RangeCounts:
    """Add counts that begin with the same `words`, of `order`, of a text of so many `tokens` in all."""
    runs = Runs(order, len(words), tokens, scratch)
    for part in parts:
        runs.add(_as_counts(part))
    merged = runs.merge()
    longer = [RangeLevel(level.child_offsets, level.token, level.count) for level in merged.levels[1:]]
    return RangeCounts(words.start, merged.levels[0].count, longer)


def _as_counts(part: RangeCounts) -> Counts:
    """Return counts whose suffixes, all zero, mean nothing."""
    words = np.arange(len(part.unigrams), dtype=part.unigrams.dtype)
    offsets = np.array([0, len(words)], words.dtype)
    nothing = np.zeros(1, words.dtype)
    levels = [Level(offsets, words, words, part.unigrams)]
    for level in part.levels:
        suffix = np.broadcast_to(nothing, len(level.token))
        levels.append(Level(level.child_offsets, level.token, suffix, level.occurrences))
    return Counts(levels, len(words))


def join_ranges(parts: Sequence[RangeCounts], tokens: int, scratch: Scratch) -> Counts:
    """Join the counts of all ranges, in order, of a text of so many tokens, and find the suffixes.

    Raises InvalidInput where an n-gram's suffix is missing, as no text has it.
    """
    vocabulary_size = sum(len(part.unigrams) for part in parts)
    dtype = np.dtype(np.int32 if max(tokens, vocabulary_size) < 2**31 - 1 else np.int64)
    words = np.arange(vocabulary_size, dtype=dtype)
    unigrams = np.concatenate([part.unigrams.astype(dtype) for part in parts])
    levels = [Level(np.array([0, vocabulary_size], dtype), words, np.zeros_like(words), unigrams)]
    for index in range(len(parts[0].levels)):
        token, count, offsets = (scratch.growing(dtype) for _ in range(3))
        offsets.append(np.zeros(1, dtype))
        for level in (part.levels[index] for part in parts):
            offsets.append(_shifted(level.child_offsets[1:], token.size, scratch))
            for column, array in ((token, level.token), (count, level.occurrences)):
                column.append(array)
            scratch.trim()
        columns = token.finish(), count.finish()
        child_offsets = offsets.finish()
        suffix = link_suffixes(levels, child_offsets, columns[0], scratch)
        levels.append(Level(child_offsets, columns[0], suffix, columns[1]))
    return Counts(levels, vocabulary_size)


def _shifted(offsets: IntArray, by: int, scratch: Scratch) -> IntArray:
    """Return `offsets` + `by`, in 64 bits, since the sum may be larger than what was counted."""
    shifted: IntArray = scratch.empty(len(offsets), np.int64)
    for part in scratch.slices(len(offsets)):
        shifted[part] = offsets[part].astype(np.int64) + by
    return shifted
