"""Counting within a memory budget: blocks of a text are counted, kept on disk and merged.

The result is the same as counting all at once (`extraction.count_ngrams`). Only counting keeps to the budget: what is
made of the counts has the size it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.merging import Allocate, merge_counts
from models.special_tokens import EOS
from models.utils.arrays import IntArray
from models.utils.files import disk_allocator

SORT_BYTES_PER_TOKEN = 30
"""Bytes a token takes while positions are sorted."""
LEVEL_BYTES_PER_TOKEN = 20
"""Bytes a token takes after that for each order, at the most."""


@dataclass(frozen=True)
class NgramCounter:
    """Counter of texts within `memory` bytes (None for no limit), with files in `folder` for the rest."""

    memory: int | None
    folder: Path

    @classmethod
    def create(cls, memory: int | None, folder: Path | None) -> NgramCounter:
        """Make a counter, and its folder if need be; by default that for temporary files."""
        scratch = folder or Path(gettempdir())
        scratch.mkdir(parents=True, exist_ok=True)
        return cls(memory, scratch)

    def count(self, ids: IntArray, order: int, vocabulary_size: int) -> Counts:
        """Count the n-grams of `ids` [T]. Raises what `count_ngrams` does."""
        if self.memory is None:
            return count_ngrams(ids, order, vocabulary_size)
        return count_in_blocks(ids, order, vocabulary_size, block_tokens(self.memory, order), self.folder)

    def add(self, first: Counts, second: Counts) -> Counts:
        """Add two counts. Raises what `merge_counts` does."""
        return merge_counts(first, second, np.empty if self.memory is None else disk_allocator(self.folder))


def block_tokens(memory: int, order: int) -> int:
    """Return how many tokens a block may hold within `memory` bytes; `order` at the least."""
    return max(order, memory // (SORT_BYTES_PER_TOKEN + LEVEL_BYTES_PER_TOKEN * order))


def count_in_blocks(ids: IntArray, order: int, vocabulary_size: int, block: int, folder: Path) -> Counts:
    """Count `ids` [T] as `count_ngrams` does, in blocks of `block` tokens (the order or more) in `folder`."""
    if len(ids) <= block:
        return count_ngrams(ids, order, vocabulary_size)
    allocate = disk_allocator(folder)
    merged: list[tuple[int, Counts]] = []  # number of blocks and their sum, by falling number
    begins = range(0, len(ids), block)
    for begin in begins:
        # A block is counted as far as the n-grams go that begin in it, so what follows its end is counted twice.
        part = count_ngrams(ids[begin : begin + block + order - 1], order, vocabulary_size, at_boundary=begin == 0)
        merged.append((1, _copied(part, allocate)))
        while len(merged) > 1 and (merged[-2][0] <= merged[-1][0] or begin == begins[-1]):
            (n, first), (m, second) = merged.pop(-2), merged.pop()
            merged.append((n + m, merge_counts(first, second, allocate)))
    counts = merged[0][1]
    for begin in begins[1:]:
        _subtract_overlap(counts.levels, ids[begin : begin + order - 1])
    return counts


def _copied(counts: Counts, allocate: Allocate) -> Counts:
    def copy(array: IntArray) -> IntArray:
        target: IntArray = allocate(len(array), array.dtype)
        target[:] = array
        return target

    levels = [Level(*map(copy, (x.child_offsets, x.token, x.suffix, x.count))) for x in counts.levels]
    return Counts(levels, counts.vocabulary_size)


def _subtract_overlap(levels: list[Level], words: IntArray) -> None:
    """Subtract one from all n-grams of `words`, the words after a block's end, which were counted twice."""
    for begin in range(len(words)):
        row = 0
        for level, word in zip(levels, words[begin:].tolist(), strict=False):
            first, last = level.child_offsets[row : row + 2].tolist()
            row = first + int(np.searchsorted(level.token[first:last], word))
            level.count[row] -= 1
            if word == EOS and level is not levels[0]:
                break
