"""BackoffTables: what every n-gram smoothing compiles to, one log-probability an n-gram and one weight a context.

It knows which arrays are stored, and how to list the n-grams. It does not know how probabilities are estimated or
queried, nor where in memory each bit lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.ngram.backoff_table import check
from models.ngram.trie import FIELDS, LEVEL, Trie, parent, token
from models.ngram.trie_builder import Order, unpack


@dataclass(frozen=True, eq=False)
class BackoffTables:
    """The n-grams of all orders up to N as one trie; see `layout` for its parts."""

    trie: Trie
    facts: dict[str, Any] = field(default_factory=dict)
    """What the estimation found, JSON-ready."""

    @property
    def order(self) -> int:
        """The length N of the longest n-grams."""
        return len(self.trie.levels) - 1

    @property
    def vocabulary_size(self) -> int:
        """How many words there are; each is a unigram."""
        return self.ngrams[0]

    @property
    def ngrams(self) -> list[int]:
        """How many n-grams each order has, unigrams first."""
        sizes: list[int] = self.trie.levels["size"][1:].tolist()
        return sizes

    def orders(self) -> list[Order]:
        """All n-grams by order, unigrams first, as arrays."""
        return [unpack(self.trie, n) for n in range(1, self.order + 1)]

    def words(self, n: int, place: int) -> list[int]:
        """The token ids of the n-gram at `place` of order n."""
        ids: list[int] = []
        for m in range(n, 1, -1):
            ids.append(int(token(self.trie, m, place)))
            place = int(parent(self.trie, m, place))
        return [place, *ids[::-1]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name, as it is stored."""
        levels = self.trie.levels.view(np.int64).reshape(len(self.trie.levels), len(FIELDS))
        return {**self.trie._asdict(), "levels": levels}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], order: int, vocabulary_size: int, facts: dict[str, Any]
    ) -> BackoffTables:
        """The inverse of `arrays`, without a copy of what is large.

        Raises CheckpointDamaged for anything that the loops of `trie` would trip over: a wrong name, shape or dtype,
        a run out of its place, words out of sequence, a number that is no log-probability.
        """
        if sorted(arrays) != sorted(Trie._fields):
            raise CheckpointDamaged(f"n-gram table: arrays {sorted(arrays)} instead of {sorted(Trie._fields)}")
        levels = arrays["levels"]
        if levels.dtype != np.int64 or levels.ndim != 2 or levels.shape[1] != len(FIELDS):
            raise CheckpointDamaged(f"n-gram table: levels has shape {levels.shape} and dtype {levels.dtype}")
        trie = Trie(**{**arrays, "levels": levels.copy().view(LEVEL)[:, 0]})
        check(trie, order, vocabulary_size)
        return cls(trie, facts)
