"""Tags of unknown words by their endings, kept apart for words that begin with a capital and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.utils.arrays import Float64Array, Int64Array

EMPTY_KEYS = ("A", "a")
"""Keys of the empty ending: of words whose first letter is a capital, and of other words. Longer keys begin so."""


class SuffixTable:
    """Most probable tags of words by the longest of their endings that is listed; the empty one always is.

    Its tensors are `suffix_keys` [S, L], characters of the keys, padded with zeros; `suffix_tags` [S, U]; and
    `suffix_scores` [S, U], log P(tag | ending) - log P(tag), which is log P(word | tag) up to a constant.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Hold the table in `tensors`. Raises CheckpointDamaged without the empty ending."""
        self._rows = {_from_characters(row): i for i, row in enumerate(tensors["suffix_keys"])}
        self._longest = tensors["suffix_keys"].shape[1] - 1
        self._tags = tensors["suffix_tags"].astype(np.int64)
        self._scores = tensors["suffix_scores"].astype(np.float64)
        if not set(EMPTY_KEYS) <= self._rows.keys():
            raise CheckpointDamaged("tensor suffix_keys: the empty ending is missing")

    def look_up(self, form: str) -> tuple[Int64Array, Float64Array]:
        """Return tags [U] that a word may have and log P(word | tag) of each, up to a constant."""
        row = next(self._rows[key] for key in suffix_keys(form, self._longest) if key in self._rows)
        return self._tags[row], self._scores[row]


def suffix_keys(form: str, length: int) -> list[str]:
    """Return the keys of a word's endings of at most `length` characters, the longest first.

    >>> suffix_keys("Walking", 3)
    ['Aing', 'Ang', 'Ag', 'A']
    """
    case = EMPTY_KEYS[0 if form[:1].isupper() else 1]
    return [case + form[len(form) - k :].lower() for k in range(min(length, len(form)), -1, -1)]


def to_characters(keys: list[str]) -> NDArray[np.int32]:
    """Return keys as characters [S, L], padded with zeros."""
    rows = np.zeros((len(keys), max(map(len, keys))), np.int32)
    for row, key in zip(rows, keys, strict=True):
        row[: len(key)] = list(map(ord, key))
    return rows


def _from_characters(row: NDArray[np.int32]) -> str:
    return "".join(map(chr, row[row > 0].tolist()))
