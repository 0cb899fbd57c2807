"""Errors of hypotheses: the least number of words to insert, delete or replace to get the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.utils.arrays import Int64Array

_PADDING = -1
"""Number of no word."""


def edit_distances(reference: Sequence[str], hypotheses: Sequence[Sequence[str]]) -> Int64Array:
    """Return the Levenshtein distance [N] of each hypothesis from the reference, in words.

    The rows of the tables of all hypotheses (Wagner and Fischer 1974) are computed together. Insertions run along a
    row: d[j] is the least d[k] + j - k of all k up to j, so they are a running minimum of d[k] - k.

    >>> edit_distances("a fine day".split(), [["a", "fine", "day"], ["fine", "days"], []]).tolist()
    [0, 2, 3]
    """
    numbers: dict[str, int] = {}
    wanted = [numbers.setdefault(word, len(numbers)) for word in reference]
    lengths = np.array([len(words) for words in hypotheses], np.int64)
    width = int(lengths.max(initial=0))
    words = np.full((len(hypotheses), width), _PADDING, np.int64)
    for row, hypothesis in zip(words, hypotheses, strict=True):
        row[: len(hypothesis)] = [numbers.setdefault(word, len(numbers)) for word in hypothesis]
    steps = np.arange(width + 1)
    distances = np.broadcast_to(steps, (len(hypotheses), width + 1))
    for number in wanted:
        following = distances + 1
        following[:, 1:] = np.minimum(following[:, 1:], distances[:, :-1] + (words != number))
        distances = np.minimum.accumulate(following - steps, axis=1) + steps
    result: Int64Array = distances[np.arange(len(hypotheses)), lengths]
    return result
