"""Counts for a closed vocabulary, in which `<unk>` has no probability: `without_unknown`."""

from __future__ import annotations

import numpy as np

from models.ngram.count_table import Level
from models.ngram.counting.counts import Counts
from models.special_tokens import UNK
from models.utils.arrays import BoolArray


def without_unknown(counts: Counts) -> Counts:
    """Leave out n-grams that hold `<unk>`, as SRILM does, for the counts of a closed vocabulary.

    >>> from models.ngram.counting.extraction import count_ngrams
    >>> closed = without_unknown(count_ngrams(np.array([2, 0, 2, 2, 1]), order=2, vocabulary_size=3))
    >>> closed.levels[0].count.tolist(), closed.levels[1].token.tolist(), closed.uniform.tolist()
    ([0, 1, 3], [2, 1, 2], [0.5, 0.0])
    """
    words, *longer = counts.levels
    is_unknown = words.token == UNK
    # Below the words there are two places: of a word like any other, and of one that has no probability.
    levels = [Level(words.child_offsets, words.token, is_unknown.astype(words.suffix.dtype), words.count * ~is_unknown)]
    known, contexts = ~is_unknown, np.ones(len(words), np.bool_)
    for level in longer:
        rows = (level.token != UNK) & known[level.parent] & known[level.suffix]
        levels.append(_select(level, rows, contexts))
        known = contexts = rows
    return Counts(levels, counts.vocabulary_size, is_closed=True)


def _select(level: Level, rows: BoolArray, contexts: BoolArray) -> Level:
    """Return the `rows` of a level of whose lower order the `contexts` remain."""
    offsets = np.concatenate([[0], np.cumsum(rows)])[level.child_offsets]
    places = np.cumsum(contexts) - 1
    dtype = level.token.dtype
    return Level(
        np.append(offsets[:-1][contexts], offsets[-1]).astype(dtype),
        level.token[rows],
        places[level.suffix[rows]].astype(dtype),
        level.count[rows],
    )
