"""Hash index of the bigrams and trigrams of a trie: one probe instead of a binary search.

Long texts are scored with it (`NgramModel.hash_index`): contexts of one or two words have so many children that the
searches among them dominate. It takes a fraction of a second to build and 8 bytes for each n-gram of orders 2 and 3,
so it is built by each process when first needed and never stored. Scoring ptb.valid takes 9.4 ms with it and 14.5
without; with it, 3.7 million tokens/s are read where KenLM reads 2.5 million (benchmark `ngram`).

The table stores no keys, only a place and some bits of the hash; `verify` looks at the trie itself. Hashing and probing
are shared (`kernels.jit`) with the word table of `tokenization.words.vocab_lookup` and with
`trie_builder.number_distinct`, which keep their keys.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.hashing import LOW_32_BITS, mix_bits, next_slot, spread
from models.kernels.jit import Int, compiled, inlined, prefetch
from models.ngram.trie import Trie, child_range, prefetch_record, read_bits, record_bit, token

_MAX_CONTEXT_WORDS = 2
"""Length of the longest contexts whose children are indexed; longer ones have few children, which a search finds."""


class HashIndex(NamedTuple):
    """Open-addressing table of n-grams: a part of `slots` for each order.

    The children of contexts of n words are in `slots[order_offsets[n] : order_offsets[n + 1]]`.

    A slot holds a place plus one in its lower bits, as many as the order needs, and bits of the hash above; 0 is empty.
    """

    slots: NDArray[np.uint32]
    order_offsets: NDArray[np.int64]


EMPTY_INDEX = HashIndex(np.zeros(0, np.uint32), np.zeros(_MAX_CONTEXT_WORDS + 2, np.int64))
"""Index without n-grams: every search is a binary search."""


def index_bytes(trie: Trie) -> int:
    """Return the size of the index of `trie`."""
    return 8 * int(trie.levels["size"][2 : _MAX_CONTEXT_WORDS + 2].sum())


def build_index(trie: Trie) -> HashIndex:
    """Index the bigrams and trigrams of `trie`, two slots for each."""
    sizes = [int(size) * 2 for size in trie.levels["size"][2 : _MAX_CONTEXT_WORDS + 2]]
    order_offsets = np.cumsum([0, 0, *sizes, *[0] * (_MAX_CONTEXT_WORDS - len(sizes))])
    index = HashIndex(np.zeros(order_offsets[-1], np.uint32), order_offsets)
    for n in range(1, len(sizes) + 1):
        insert_order(trie, n, index)
    return index


@inlined
def hash_ngram(context: Int, word: Int) -> Int:
    """Hash the place of a context and the word after it; the upper half of the result is well mixed."""
    return spread(mix_bits(spread(context) ^ word))


@inlined
def first_slot(index: HashIndex, n: Int, key: Int) -> Int:
    """Return the slot where probing for a hash begins."""
    begin = index.order_offsets[n]
    slot: Int = begin + ((((key >> 32) & LOW_32_BITS) * (index.order_offsets[n + 1] - begin)) >> 32)
    return slot


@inlined
def place_bits(trie: Trie, n: Int) -> Int:
    """Return how many bits of a slot the places of the children of contexts of n words take."""
    bits, size = np.int64(0), trie.levels[n + 1].size
    while size >> bits:
        bits += 1
    return bits


@compiled
def insert_order(trie: Trie, n: Int, index: HashIndex) -> None:
    """Enter the children of all contexts of n words."""
    bits = place_bits(trie, n)
    for context in range(trie.levels[n].size):
        begin, size = child_range(trie, n, context)
        for place in range(begin, begin + size):
            key = hash_ngram(context, token(trie, n + 1, place))
            slot = first_slot(index, n, key)
            while index.slots[slot]:
                slot = next_slot(slot, index.order_offsets[n], index.order_offsets[n + 1])
            index.slots[slot] = np.uint32(((key << bits) & LOW_32_BITS) | (place + 1))


@inlined
def prefetch_slot(index: HashIndex, n: Int, context: Int, word: Int) -> None:
    """Load the slot that `probe` will read first into the cache."""
    prefetch(index.slots.ctypes.data + 4 * first_slot(index, n, hash_ngram(context, word)))


@inlined
def probe(trie: Trie, index: HashIndex, n: Int, bits: Int, context: Int, word: Int) -> Int:
    """Return where the child `word` of a context of n words may be, or -1; `bits` are `place_bits`.

    Only some bits of the hash are compared, so that a wrong place is possible (see `verify`). The record at the place
    is prefetched.
    """
    key = hash_ngram(context, word)
    slot, hash_bits = first_slot(index, n, key), (key << bits) & LOW_32_BITS
    entry = np.int64(index.slots[slot])
    while entry and (entry >> bits) << bits != hash_bits:
        slot = next_slot(slot, index.order_offsets[n], index.order_offsets[n + 1])
        entry = np.int64(index.slots[slot])
    place = (entry & ((1 << bits) - 1)) - 1
    prefetch_record(trie, n + 1, place)
    return place


@inlined
def verify(trie: Trie, n: Int, place: Int, context: Int, word: Int) -> bool:
    """Return whether the n-gram at `place`, which `probe` returned, is `word` after that context."""
    begin, size = child_range(trie, n, context)
    last = read_bits(trie.data, record_bit(trie, n + 1, place), trie.levels[n + 1].token_bits)
    return bool(begin <= place < begin + size and last == word)
