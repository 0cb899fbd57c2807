"""Counting within a memory budget: blocks of a text are counted, kept on disk and merged.

The result is the same as counting all at once (`extraction.count_ngrams`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.merging import merge_counts
from models.ngram.counting.runs import Runs
from models.special_tokens import EOS
from models.utils.arrays import IntArray
from models.utils.process_memory import resident_bytes
from models.utils.scratch import Scratch, let_go_of

SORT_BYTES_PER_TOKEN = 30
"""Bytes a token takes while positions are sorted."""
LEVEL_BYTES_PER_TOKEN = 20
"""Bytes a token takes after that for each order, at the most."""
PUBLISHING_BYTES_PER_WORD = 160
"""Bytes of a word while its vocabulary is written, beside the vocabulary itself; counting and estimating take less."""


@dataclass(frozen=True)
class NgramCounter:
    """Counter of texts within `memory` bytes of the process, the rest in files; None for no limit."""

    memory: int | None
    folder: Path
    scratch: Scratch = field(default_factory=Scratch)

    @classmethod
    def create(cls, memory: int | None, folder: Path | None) -> NgramCounter:
        """Make a counter, and its folder if need be; by default that for temporary files."""
        files = folder or Path(gettempdir())
        files.mkdir(parents=True, exist_ok=True)
        return cls(memory, files, Scratch(memory, files))

    def read(self, chunks: Iterable[str]) -> Iterator[str]:
        """Yield the text of which a vocabulary is made. Raises InvalidInput where that outgrows the memory."""
        before = 0
        for chunk in chunks:
            yield chunk
            # The table of words has so grown, and listing them takes as much again.
            grown = resident_bytes(unknown=0) - before if before else 0
            self.scratch.require(max(0, grown), "the vocabulary of this text")
            # With the loops and buffers that the first chunk needed, and without what was freed before.
            before = before or resident_bytes(unknown=0)

    def check_vocabulary(self, size: int) -> None:
        """Raise InvalidInput unless there is memory to publish a vocabulary of `size` words."""
        self.scratch.require(PUBLISHING_BYTES_PER_WORD * size, "a vocabulary of this size")

    def count(self, ids: IntArray, order: int, vocabulary_size: int) -> Counts:
        """Count the n-grams of `ids` [T].

        Raises what `count_ngrams` does, and InvalidInput for too little memory.
        """
        if self.memory is None:
            return count_ngrams(ids, order, vocabulary_size)
        block = block_tokens(self.scratch.room("a vocabulary of this size"), order)
        return count_in_blocks(ids, order, vocabulary_size, block, self.scratch)

    def add(self, first: Counts, second: Counts) -> Counts:
        """Add two counts. Raises what `merge_counts` does."""
        if self.memory is None:
            return merge_counts(first, second)
        tokens = sum(int(counts.levels[0].count.sum(dtype=np.int64)) for counts in (first, second))
        runs = Runs(len(first.levels), first.vocabulary_size, tokens, self.scratch)
        runs.add(first)
        runs.add(second)
        return runs.merge()


def block_tokens(memory: int, order: int) -> int:
    """Return how many tokens a block may hold within `memory` bytes; `order` at the least."""
    return max(order, memory // (SORT_BYTES_PER_TOKEN + LEVEL_BYTES_PER_TOKEN * order))


def count_in_blocks(ids: IntArray, order: int, vocabulary_size: int, block: int, scratch: Scratch) -> Counts:
    """Count `ids` [T] as `count_ngrams` does, in blocks of `block` tokens (the order or more)."""
    if len(ids) == 0 or (len(ids) <= block and not scratch.is_limited):
        return count_ngrams(ids, order, vocabulary_size)
    begins = range(0, len(ids), block)
    runs = Runs(order, vocabulary_size, len(ids), scratch)
    for begin in begins:
        runs.add(_count_block(ids, begin, begin + block, order, vocabulary_size))
        let_go_of(ids)
    return runs.merge()


def _count_block(ids: IntArray, begin: int, end: int, order: int, vocabulary_size: int) -> Counts:
    """Count the n-grams that begin from `begin` on, before `end`; the others belong to the next block."""
    counts = count_ngrams(ids[begin : end + order - 1], order, vocabulary_size, at_boundary=begin == 0)
    _subtract(counts.levels, ids[end : end + order - 1])
    return counts


def _subtract(levels: list[Level], words: IntArray) -> None:
    """Subtract one from all n-grams of `words`, the last ones that were counted."""
    for begin in range(len(words)):
        row = 0
        for level, word in zip(levels, words[begin:].tolist(), strict=False):
            first, last = level.child_offsets[row : row + 2].tolist()
            row = first + int(np.searchsorted(level.token[first:last], word))
            level.count[row] -= 1
            if word == EOS and level is not levels[0]:
                break
