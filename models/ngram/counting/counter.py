"""What an n-gram recipe counts: a text in memory or within a budget, alone or on top of what a model was made of.

It knows which vocabulary reads the text and how counts come together. It does not know recipes or smoothings.

Counting within so much memory: a text in blocks, each counted in memory, kept on disk and merged with the others.

What comes out is what counting all at once gives. It knows how much a block may hold and where blocks overlap; it does
not know how counts are made, nor files by name. Only counting keeps to the budget: whatever is made of the counts has
the size it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from models.data.corpus import Corpus, EncodedCorpus
from models.ngram.counting.counts import Counts, Level
from models.ngram.counting.extraction import count_ngrams
from models.ngram.counting.merging import Allocate, merge_counts
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.utils.arrays import IntArray
from models.utils.files import disk_allocator

SORT_BYTES_PER_TOKEN = 30
"""Bytes a token takes while positions are sorted."""


LEVEL_BYTES_PER_TOKEN = 20
"""Bytes it then takes for each order, at the most."""


def block_tokens(memory: int, order: int) -> int:
    """How many tokens a block may hold, as many as the order at the least."""
    return max(order, memory // (SORT_BYTES_PER_TOKEN + LEVEL_BYTES_PER_TOKEN * order))


def count_in_blocks(ids: IntArray, order: int, vocabulary_size: int, block: int, folder: Path) -> Counts:
    """The counts of `ids` [T], `block` tokens at a time (as many as the order or more), in files of `folder`.

    Raises what `count` does.
    """
    if len(ids) <= block:
        return count_ngrams(ids, order, vocabulary_size)
    allocate = disk_allocator(folder)
    runs: list[tuple[int, Counts]] = []  # by falling number of blocks
    cuts = range(0, len(ids), block)
    for cut in cuts:
        # As far as the n-grams go that begin in the block. What lies behind the cut is so counted twice.
        part = count_ngrams(ids[cut : cut + block + order - 1], order, vocabulary_size, at_boundary=cut == 0)
        runs.append((1, _copied(part, allocate)))
        while len(runs) > 1 and (runs[-2][0] <= runs[-1][0] or cut == cuts[-1]):
            (n, first), (m, second) = runs.pop(-2), runs.pop()
            runs.append((n + m, merge_counts(first, second, allocate)))
    counts = runs[0][1]
    for cut in cuts[1:]:
        _subtract_overlap(counts.levels, ids[cut : cut + order - 1])
    return counts


def _copied(counts: Counts, allocate: Allocate) -> Counts:
    def moved(array: IntArray) -> IntArray:
        copy: IntArray = allocate(len(array), array.dtype)
        copy[:] = array
        return copy

    levels = [Level(*map(moved, (x.begins, x.token, x.suffix, x.count))) for x in counts.levels]
    return Counts(levels, counts.vocabulary_size)


def _subtract_overlap(levels: list[Level], words: IntArray) -> None:
    """Take one off the counts of all n-grams of some `words`; none of them is the only one."""
    for begin in range(len(words)):
        row = 0
        for level, word in zip(levels, words[begin:].tolist(), strict=False):
            first, last = level.begins[row : row + 2].tolist()
            row = first + int(np.searchsorted(level.token[first:last], word))
            level.count[row] -= 1
            if word == EOS and level is not levels[0]:
                break


@dataclass(frozen=True)
class NgramCounter:
    """Reads and counts within `memory` (bytes, None for no limit), on disk in `folder` what does not fit."""

    memory: int | None
    folder: Path

    @classmethod
    def create(cls, memory: int | None, folder: Path | None) -> NgramCounter:
        """With the system's own place for what is temporary where there is no `folder`."""
        place = folder or Path(gettempdir())
        place.mkdir(parents=True, exist_ok=True)
        return cls(memory, place)

    def read(self, text: Corpus, config: TokenizerConfig, known: Tokenizer | None) -> tuple[Tokenizer, EncodedCorpus]:
        """The tokenizer, `known` or learnt from the text, and the ids. Raises what `Corpus.learn` does."""
        if self.memory is None and known is None:
            return text.train_tokenizer(config)
        tokenizer = known or Tokenizer.train(config, text.chunks())
        return tokenizer, text.encode(tokenizer, None if self.memory is None else self.folder)

    def count(self, ids: IntArray, order: int, vocabulary_size: int) -> Counts:
        """The counts of a text. Raises TrainingFailed where it is empty."""
        if self.memory is None:
            return count_ngrams(ids, order, vocabulary_size)
        return count_in_blocks(ids, order, vocabulary_size, block_tokens(self.memory, order), self.folder)

    def add(self, first: Counts, second: Counts) -> Counts:
        """Both together. Raises InvalidInput where they do not fit each other."""
        return merge_counts(first, second, np.empty if self.memory is None else disk_allocator(self.folder))
