"""BackoffTables: what every n-gram smoothing compiles to, one log-probability an n-gram and one weight a context.

It knows the layout of the arrays, how to lay them out from n-grams listed order by order, and how to tell a sound
table from a damaged one. It does not know how probabilities are estimated or queried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.trie import Trie

Indices = NDArray[np.integer[Any]]


class Entries(NamedTuple):
    """The n-grams of one order, sorted by (parent, token). Nodes are numbered through all orders, node 0 empty."""

    parent: Indices
    """Node of the n-gram without its last word."""
    token: Indices
    """Last word."""
    suffix: Indices
    """Node of the longest listed n-gram that ends this one and is shorter."""
    logprob: NDArray[np.floating[Any]]
    """Log P(last word | the words before it), nats."""


@dataclass(frozen=True, eq=False)
class BackoffTables:
    """The n-grams of all orders up to N as one trie; see `Trie` for the arrays.

    `levels` [N + 2] says where each order begins: `levels[n]` is the first n-gram of order n, the last entry is M.
    The order of the empty context is 0, and `levels[N]` is K, the number of n-grams that can be contexts.
    """

    trie: Trie
    levels: NDArray[np.int64]
    facts: dict[str, Any] = field(default_factory=dict)
    """What the estimation found, JSON-ready."""

    @property
    def order(self) -> int:
        """The length N of the longest n-grams."""
        return len(self.levels) - 2

    @property
    def vocabulary_size(self) -> int:
        """How many words there are; each is a unigram."""
        return int(self.levels[2] - 1)

    @property
    def ngrams(self) -> list[int]:
        """How many n-grams each order has, unigrams first."""
        return [int(n) for n in np.diff(self.levels)[1:]]

    def words(self, node: int) -> list[int]:
        """The token ids of the n-gram at `node`."""
        ids: list[int] = []
        while node:
            ids.append(int(self.trie.token[node]))
            node = int(np.searchsorted(self.trie.children, self.trie.children.dtype.type(node), side="right")) - 1
        return ids[::-1]

    @classmethod
    def assemble(
        cls, orders: Sequence[Entries], backoff: Sequence[NDArray[np.floating[Any]]], facts: dict[str, Any]
    ) -> BackoffTables:
        """Lay out `orders` (unigrams first, all of them) and the log back-off weights [nodes of order n] of n < N.

        Contexts without children and with weight 0 have no say in anything: suffixes point past them.
        """
        levels: NDArray[np.int64] = np.cumsum([0, 1] + [len(entries.token) for entries in orders], dtype=np.int64)
        index = np.int32 if levels[-1] < 2**31 else np.int64
        listed = [np.bincount(o.parent - levels[n], minlength=levels[n + 1] - levels[n]) for n, o in enumerate(orders)]
        children: Indices = np.cumsum(np.concatenate([[1], *listed]), dtype=index)
        weights = np.concatenate(backoff).astype(np.float32)
        trie = Trie(
            token=_from_root((o.token for o in orders), np.uint16 if levels[2] <= 2**16 + 1 else np.uint32),
            logprob=_from_root((o.logprob for o in orders), np.float32),
            backoff=weights,
            children=children,
            suffix=_suffixes(orders, levels, children, weights != 0),
        )
        return cls(trie, levels, facts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name, as it is stored."""
        return {**self.trie._asdict(), "levels": self.levels}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], order: int, vocabulary_size: int, facts: dict[str, Any]
    ) -> BackoffTables:
        """The inverse of `arrays`, without a copy.

        Raises CheckpointDamaged for anything that the loops of `trie` would trip over: a wrong name, shape or dtype,
        a pointer out of its order, siblings out of sequence, a number that is no log-probability.
        """
        names = [*Trie._fields, "levels"]
        if sorted(arrays) != sorted(names):
            raise CheckpointDamaged(f"n-gram table: arrays {sorted(arrays)} instead of {sorted(names)}")
        tables = cls(Trie(*(arrays[name] for name in Trie._fields)), arrays["levels"], facts)
        tables._check_shapes(order, vocabulary_size)
        tables._check_structure()
        tables._check_numbers()
        return tables

    def _check_shapes(self, order: int, vocabulary_size: int) -> None:
        levels, trie = self.levels, self.trie
        if levels.dtype != np.int64 or levels.shape != (order + 2,) or np.any(np.diff(levels) < 0):
            raise CheckpointDamaged(f"n-gram table: levels are not those of order {order}")
        if levels[:3].tolist() != [0, 1, 1 + vocabulary_size]:
            raise CheckpointDamaged(f"n-gram table: not for {vocabulary_size} words")
        contexts, nodes = int(levels[-2]), int(levels[-1])
        expected = {
            "token": (nodes, (np.uint16, np.uint32)),
            "logprob": (nodes, (np.float32,)),
            "backoff": (contexts, (np.float32,)),
            "children": (contexts + 1, (np.int32, np.int64)),
            "suffix": (contexts, (np.int32, np.int64)),
        }
        for name, (length, dtypes) in expected.items():
            array = getattr(trie, name)
            if array.shape != (length,) or array.dtype not in dtypes:
                raise CheckpointDamaged(f"n-gram table: {name} has shape {array.shape} and dtype {array.dtype}")

    def _check_structure(self) -> None:
        levels, (token, _, _, children, suffix) = self.levels, self.trie
        if np.any(children[levels[:-1]] != levels[1:]) or np.any(children[1:] < children[:-1]):
            raise CheckpointDamaged("n-gram table: children out of their order")
        if not np.array_equal(token[1 : levels[2]], np.arange(self.vocabulary_size)):
            raise CheckpointDamaged("n-gram table: unigrams out of sequence")
        first = np.zeros(len(token) + 1, np.bool_)
        first[children] = True
        if np.any((token[1:] <= token[:-1]) & ~first[1:-1]) or np.any(token >= self.vocabulary_size):
            raise CheckpointDamaged("n-gram table: words out of sequence")
        for n in range(self.order):
            pointers = suffix[levels[n] : levels[n + 1]]
            if len(pointers) and (pointers.min() < 0 or pointers.max() >= max(1, levels[n])):
                raise CheckpointDamaged(f"n-gram table: suffixes of order {n} out of range")

    def _check_numbers(self) -> None:
        if not np.all(self.trie.logprob <= 0):
            raise CheckpointDamaged("n-gram table: a log-probability is not a number, or above zero")
        if not np.all(self.trie.backoff < np.inf):
            raise CheckpointDamaged("n-gram table: a back-off weight is not a number, or infinite")


def _from_root(columns: Iterable[NDArray[Any]], dtype: type) -> NDArray[Any]:
    """One array of all orders, with a zero for node 0."""
    return np.concatenate([np.zeros(1, dtype), *(column.astype(dtype) for column in columns)])


def _suffixes(orders: Sequence[Entries], levels: Indices, children: Indices, says: NDArray[np.bool_]) -> Indices:
    """The suffix of each context, the longest that has a say. Shorter ones are resolved first."""
    suffix = np.zeros(len(children) - 1, children.dtype)
    says = says | (children[1:] > children[:-1])
    for n, entries in enumerate(orders[:-1], start=1):
        nearest = entries.suffix
        suffix[levels[n] : levels[n + 1]] = np.where(says[nearest], nearest, suffix[nearest])
    return suffix
