"""A cache of values by prefix of token ids, bounded in bytes; the least recently used go first.

A model's states are kept in a cache of its own, so that a state is never taken for another model's.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")
_Key = tuple[bool, bytes]

_ENTRY_OVERHEAD = 500
"""Bytes of an entry beside its value and its ids, roughly."""


class PrefixCache(Generic[Value]):
    """Values by prefix of token ids; used by one thread, while its counters may be read by any.

    >>> cache = PrefixCache[str](capacity=10_000)
    >>> cache.put(np.array([2, 3], np.int32), "after 2 3", 9, bos=True)
    >>> cache.longest_prefix(np.array([2, 3, 4], np.int32), bos=True)
    (2, 'after 2 3')
    """

    def __init__(self, capacity: int) -> None:
        """Keep at most `capacity` bytes; 0 keeps nothing."""
        self.capacity = capacity
        self.bytes = 0
        """Bytes of all entries."""
        self.hits = 0
        """Lookups that found a prefix."""
        self.misses = 0
        """Lookups that found none, those of no token left out."""
        self.cached_tokens = 0
        """Tokens of all prefixes that were found: they did not have to be read."""
        self._entries: OrderedDict[_Key, tuple[Value, int]] = OrderedDict()
        self._lengths: Counter[int] = Counter()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def longest_prefix(self, ids: NDArray[np.int32], *, bos: bool) -> tuple[int, Value | None]:
        """Return the length and the value of the longest prefix of `ids` [T]; 0 and None for none.

        `bos` tells whether the boundary token was read before the ids.
        """
        data = ids.tobytes()
        for length in sorted((n for n in self._lengths if n <= len(ids)), reverse=True):
            key = (bos, data[: length * ids.itemsize])
            if key in self._entries:
                self._entries.move_to_end(key)
                self.hits += 1
                self.cached_tokens += length
                return length, self._entries[key][0]
        self.misses += len(ids) > 0
        return 0, None

    def put(self, ids: NDArray[np.int32], value: Value, size: int, *, bos: bool) -> None:
        """Keep a value of `size` bytes after `ids` [T], unless it is there or larger than the whole cache."""
        key, size = (bos, ids.tobytes()), size + ids.nbytes + _ENTRY_OVERHEAD
        if key in self._entries or size > self.capacity or not len(ids):
            return
        self._entries[key] = value, size
        self._lengths[len(ids)] += 1
        self.bytes += size
        while self.bytes > self.capacity:
            self._uncount(*self._entries.popitem(last=False))

    def _uncount(self, key: _Key, entry: tuple[Value, int]) -> None:
        length = len(key[1]) // np.int32().itemsize
        self.bytes -= entry[1]
        self._lengths[length] -= 1
        if not self._lengths[length]:
            del self._lengths[length]
