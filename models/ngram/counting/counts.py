"""Token ids to n-gram counts: all orders fall out of one sorting of the positions of the text.

It knows that a text is lines that each end in `</s>`, and that a line is preceded by one too. It does not know
discounts, probabilities or text.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from models.errors import InvalidInput, TrainingFailed
from models.language_model import EOS
from models.ngram.counting.extraction import Level, unfold
from models.ngram.counting.suffix_array import Ints, arrange, occurrences


@dataclass(frozen=True, eq=False)
class Counts:
    """The n-grams of orders 1 to N; `levels[n - 1]` are those of order n. All V words are unigrams, seen or not."""

    levels: list[Level]
    vocabulary_size: int

    def contexts(self, n: int) -> int:
        """How many contexts of n words there are: n-grams of order n, or the empty one."""
        return len(self.levels[n - 1]) if n else 1

    def adjusted(self, n: int) -> Ints:
        """What Kneser-Ney counts of order n: below order N, how many different words precede the n-gram.

        N-grams that begin at the boundary have nothing before them and keep how often they occur, as do those of
        order N (Chen and Goodman 1999, section 4.1.6; the boundary as in `lmplz`).
        """
        level = self.levels[n - 1]
        if n == len(self.levels):
            return level.count
        types = np.zeros_like(level.count)
        occurrences(self.levels[n].suffix, types)
        boundary = slice(*self.boundary()[n - 1])
        types[boundary] = level.count[boundary]
        return types

    def boundary(self) -> list[tuple[int, int]]:
        """Per order, the rows of the n-grams that begin at the boundary; none for unigrams, where `</s>` is an end."""
        rows = [(0, 0)]
        begin, end = EOS, EOS + 1
        for level in self.levels[1:]:
            begin, end = int(level.begins[begin]), int(level.begins[end])
            rows.append((begin, end))
        return rows


def count(ids: Ints, order: int, vocabulary_size: int, *, at_boundary: bool = True) -> Counts:
    """Count the n-grams of orders 1 to `order` in `ids` [T], lines each ending in `</s>`. Memory grows with T.

    `at_boundary` says that a line begins with them; else what comes before is not known. Uses as many threads as torch
    may. Raises TrainingFailed for no tokens at all, InvalidInput for ids outside the
    vocabulary.
    """
    if len(ids) == 0:
        raise TrainingFailed("the training text holds no tokens")
    if ids.min() < 0 or ids.max() >= vocabulary_size:
        raise InvalidInput("ids", f"must be from 0 to {vocabulary_size - 1}")
    index = np.int32 if max(len(ids) * order, vocabulary_size) < 2**31 - 1 else np.int64
    text: Ints = np.concatenate([[EOS] * at_boundary, ids], dtype=index, casting="unsafe")
    words: Ints = np.zeros(vocabulary_size, index)
    occurrences(text, words)
    cuts = _shares(words, torch.get_num_threads())
    with ThreadPoolExecutor(len(cuts)) as pool:
        longer = unfold(text, vocabulary_size, order, arrange(text, words, order, cuts, pool), cuts, pool)
    words[EOS] -= at_boundary  # the boundary before the first line is a context and nobody's end
    return Counts([_unigrams(words), *longer], vocabulary_size)


def _shares(words: Ints, threads: int) -> list[tuple[int, int]]:
    """The positions cut where the first word changes, into about equal shares; `words` [V] is how many each has."""
    ends = np.cumsum(words, dtype=np.int64)
    wanted = np.linspace(0, ends[-1], threads + 1)[1:-1]
    cuts = sorted({0, *ends[np.searchsorted(ends, wanted)].tolist(), int(ends[-1])})
    return list(pairwise(cuts))


def _unigrams(words: Ints) -> Level:
    ids = np.arange(len(words), dtype=words.dtype)
    return Level(np.array([0, len(words)], words.dtype), ids, np.zeros_like(ids), words)
