"""Where in a trie the pairs and triples of words are: a table of hashes, derived when many words are to be scored.

It knows hashes and places. It belongs to one process and to no file: it takes a fraction of a second to make and 8
bytes for each n-gram of the orders 2 and 3, where contexts list so many words that a search takes long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import GOLDEN_RATIO, LOW_32_BITS, Int, compiled, inlined, mix_bits, prefetch
from models.ngram.trie import Trie, child_range, prefetch_record, read_bits, token

_MAX_CONTEXT_WORDS = 2
"""Contexts of up to so many words are in the table."""


class HashIndex(NamedTuple):
    """An open-addressing table of the n-grams after contexts of n words: `slots[begins[n] : begins[n + 1]]`.

    A slot holds a place and one in its lower bits, as many as the order needs, and bits of the hash above; 0 is empty.
    """

    slots: NDArray[np.uint32]
    order_offsets: NDArray[np.int64]


EMPTY_INDEX = HashIndex(np.zeros(0, np.uint32), np.zeros(_MAX_CONTEXT_WORDS + 2, np.int64))
"""A table of nothing."""


def build_index(trie: Trie) -> HashIndex:
    """The table for `trie`."""
    sizes = [int(size) * 2 for size in trie.levels["size"][2 : _MAX_CONTEXT_WORDS + 2]]
    begins = np.cumsum([0, 0, *sizes, *[0] * (_MAX_CONTEXT_WORDS - len(sizes))])
    index = HashIndex(np.zeros(begins[-1], np.uint32), begins)
    for n in range(1, len(sizes) + 1):
        insert_order(trie, n, index)
    return index


@inlined
def hash_ngram(context: Int, word: Int) -> Int:
    """A hash of a context and the word after it, good in its upper half."""
    return mix_bits((context * GOLDEN_RATIO) ^ word) * GOLDEN_RATIO


@inlined
def first_slot(index: HashIndex, n: Int, key: Int) -> Int:
    """Where the probing for a hash begins."""
    begin = index.order_offsets[n]
    return begin + ((((key >> 32) & LOW_32_BITS) * (index.order_offsets[n + 1] - begin)) >> 32)


@inlined
def place_bits(trie: Trie, n: Int) -> Int:
    """How many bits the places of the n-grams after contexts of n words take."""
    width, size = np.int64(0), trie.levels[n + 1].size
    while size >> width:
        width += 1
    return width


@compiled
def insert_order(trie: Trie, n: Int, index: HashIndex) -> None:
    """Enter all n-grams after contexts of n words."""
    width = place_bits(trie, n)
    for context in range(trie.levels[n].size):
        begin, length = child_range(trie, n, context)
        for i in range(begin, begin + length):
            key = hash_ngram(context, token(trie, n + 1, i))
            slot = first_slot(index, n, key)
            while index.slots[slot]:
                slot = slot + 1 if slot + 1 < index.order_offsets[n + 1] else index.order_offsets[n]
            index.slots[slot] = np.uint32(((key << width) & LOW_32_BITS) | (i + 1))


@inlined
def prefetch_slot(index: HashIndex, n: Int, context: Int, word: Int) -> None:
    """Ask for the slot that `place` will look into."""
    prefetch(index.slots.ctypes.data + 4 * first_slot(index, n, hash_ngram(context, word)))


@inlined
def probe(trie: Trie, index: HashIndex, n: Int, width: Int, context: Int, word: Int) -> Int:
    """Where `word` after a context of n words may be listed, -1 if nowhere: bits of a hash agree."""
    key = hash_ngram(context, word)
    slot, above = first_slot(index, n, key), (key << width) & LOW_32_BITS
    found = np.int64(index.slots[slot])
    while found and (found >> width) << width != above:
        slot = slot + 1 if slot + 1 < index.order_offsets[n + 1] else index.order_offsets[n]
        found = np.int64(index.slots[slot])
    i = (found & ((1 << width) - 1)) - 1
    prefetch_record(trie, n + 1, i)
    return i


@inlined
def verify(trie: Trie, n: Int, i: Int, context: Int, word: Int) -> bool:
    """Whether `place` was right: the n-gram is that word after that context."""
    level = trie.levels[n + 1]
    begin, length = child_range(trie, n, context)
    last = read_bits(trie.data, level.records + i * (level.token_bits + level.logprob_bits), level.token_bits)
    return bool(begin <= i < begin + length and last == word)
