"""Where in a trie the pairs and triples of words are: a table of hashes, derived when many words are to be scored.

It knows hashes and places. It belongs to one process and to no file: it takes a fraction of a second to make and 8
bytes for each n-gram of the orders 2 and 3, where contexts list so many words that a search takes long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import LOWER_HALF, MULTIPLIER, Int, compiled, inlined, mixed, prefetch
from models.ngram.trie import Trie, bits, record_ahead, run, token

_CONTEXTS = 2
"""Contexts of up to so many words are in the table."""


class Index(NamedTuple):
    """An open-addressing table of the n-grams after contexts of n words: `slots[begins[n] : begins[n + 1]]`.

    A slot holds a place and one in its lower bits, as many as the order needs, and bits of the hash above; 0 is empty.
    """

    slots: NDArray[np.uint32]
    begins: NDArray[np.int64]


NONE = Index(np.zeros(0, np.uint32), np.zeros(_CONTEXTS + 2, np.int64))
"""A table of nothing."""


def index_of(trie: Trie) -> Index:
    """The table for `trie`."""
    sizes = [int(size) * 2 for size in trie.levels["size"][2 : _CONTEXTS + 2]]
    begins = np.cumsum([0, 0, *sizes, *[0] * (_CONTEXTS - len(sizes))])
    index = Index(np.zeros(begins[-1], np.uint32), begins)
    for n in range(1, len(sizes) + 1):
        fill(trie, n, index)
    return index


@inlined
def hash_of(context: Int, word: Int) -> Int:
    """A hash of a context and the word after it, good in its upper half."""
    return mixed((context * MULTIPLIER) ^ word) * MULTIPLIER


@inlined
def slot_of(index: Index, n: Int, key: Int) -> Int:
    """Where the probing for a hash begins."""
    begin = index.begins[n]
    return begin + ((((key >> 32) & LOWER_HALF) * (index.begins[n + 1] - begin)) >> 32)


@inlined
def width_of(trie: Trie, n: Int) -> Int:
    """How many bits the places of the n-grams after contexts of n words take."""
    width, size = np.int64(0), trie.levels[n + 1].size
    while size >> width:
        width += 1
    return width


@compiled
def fill(trie: Trie, n: Int, index: Index) -> None:
    """Enter all n-grams after contexts of n words."""
    width = width_of(trie, n)
    for context in range(trie.levels[n].size):
        begin, length = run(trie, n, context)
        for i in range(begin, begin + length):
            key = hash_of(context, token(trie, n + 1, i))
            slot = slot_of(index, n, key)
            while index.slots[slot]:
                slot = slot + 1 if slot + 1 < index.begins[n + 1] else index.begins[n]
            index.slots[slot] = np.uint32(((key << width) & LOWER_HALF) | (i + 1))


@inlined
def expect(index: Index, n: Int, context: Int, word: Int) -> None:
    """Ask for the slot that `place` will look into."""
    prefetch(index.slots.ctypes.data + 4 * slot_of(index, n, hash_of(context, word)))


@inlined
def place(trie: Trie, index: Index, n: Int, width: Int, context: Int, word: Int) -> Int:
    """Where `word` after a context of n words may be listed, -1 if nowhere: bits of a hash agree."""
    key = hash_of(context, word)
    slot, above = slot_of(index, n, key), (key << width) & LOWER_HALF
    found = np.int64(index.slots[slot])
    while found and (found >> width) << width != above:
        slot = slot + 1 if slot + 1 < index.begins[n + 1] else index.begins[n]
        found = np.int64(index.slots[slot])
    i = (found & ((1 << width) - 1)) - 1
    record_ahead(trie, n + 1, i)
    return i


@inlined
def is_there(trie: Trie, n: Int, i: Int, context: Int, word: Int) -> bool:
    """Whether `place` was right: the n-gram is that word after that context."""
    level = trie.levels[n + 1]
    begin, length = run(trie, n, context)
    last = bits(trie.data, level.records + i * (level.token_bits + level.logprob_bits), level.token_bits)
    return bool(begin <= i < begin + length and last == word)
