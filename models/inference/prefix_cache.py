"""Prefixes that were read before: what is known after each, within so many bytes; the least recently used go first.

It knows token ids and how large what it keeps is. It does not know models: each has a cache of its own, which goes
with it, so that a state is never taken for another model's.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")
_Key = tuple[bool, bytes]

_ENTRY_OVERHEAD = 500
"""Bytes that an entry costs beside what it keeps, roughly."""


class PrefixCache(Generic[Value]):
    """Used by one thread; what it counts may be read by any."""

    def __init__(self, capacity: int) -> None:
        """At most `capacity` bytes; 0 keeps nothing."""
        self.capacity = capacity
        self.bytes = 0
        """Taken now."""
        self.hits = 0
        """How many rows began with a prefix that was there."""
        self.misses = 0
        """How many did not, those of no token left out."""
        self.cached_tokens = 0
        """How many tokens did not have to be read."""
        self._entries: OrderedDict[_Key, tuple[Value, int]] = OrderedDict()
        self._lengths: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many prefixes are kept."""
        return len(self._entries)

    def longest_prefix(self, ids: NDArray[np.int32], *, bos: bool) -> tuple[int, Value | None]:
        """How many of the first `ids` [T] make the longest prefix kept, and what was kept of it; 0 and None for none.

        `bos` tells whether the boundary token was read before them.
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

    def put(self, ids: NDArray[np.int32], kept: Value, size: int, *, bos: bool) -> None:
        """Keep what is known after `ids` [T], `size` bytes, unless it is there or there is not so much room at all."""
        key, size = (bos, ids.tobytes()), size + ids.nbytes + _ENTRY_OVERHEAD
        if key in self._entries or size > self.capacity or not len(ids):
            return
        self._entries[key] = kept, size
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
