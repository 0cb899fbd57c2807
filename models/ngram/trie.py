"""How a trie of n-grams lies in memory and in its file, bit by bit, and how one field of it is read.

It knows records, blocks and books; it does not know what a model makes of them. Nothing here checks bounds.

The n-grams of an order lie together, sorted by (context, last word), so that what one context lists is a run. A record
is the last word and the log-probability, side by side: a search that finds the word has loaded the number too. What
makes an n-gram a context stands apart, sixteen in a block that one or two cache lines hold: where the first one's
run begins (4 bytes), how long each run is (16 times 4 bits), and the 16 back-off weights. A block with a run of 15 or
more has the places of its 17 beginnings in `wide` instead. Numbers are stored as they are (float32) or, where that
takes less room, as the place in a book of all distinct ones; which it is shows in no result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, inlined, load_int64, prefetch

BLOCK_CONTEXTS = 16
"""Contexts to a block."""
MAX_INLINE_CHILDREN = 14
"""A longer run does not fit its 4 bits."""
BLOCK_HEADER_BYTES = 12
"""Bytes of a block before its back-off weights."""
PADDING_BYTES = 16
"""Bytes after the last field: fields are read eight bytes at a time, and searches look one record too far."""
NO_CODEBOOK = -1
"""The book of numbers that are stored as they are."""

LEVEL_FIELDS = (
    "size",  # how many n-grams this order has
    "records",  # where their records begin in `data`, in bits
    "token_bits",
    "logprob_bits",
    "logprob_book",  # where the book begins in `books`, or RAW
    "blocks",  # where the blocks begin in `data`, in bytes
    "backoff_bits",
    "backoff_book",
    "closed",  # whether each n-gram without its first word is listed too
)
"""What a table says of one order."""
LEVEL_DTYPE = np.dtype([(name, np.int64) for name in LEVEL_FIELDS])


class Trie(NamedTuple):
    """Order n is `levels[n]`, order 0 the empty context; an n-gram is known by its order and its place in it."""

    levels: Any
    """[N + 1] of LEVEL; mypy does not know the fields of records."""
    data: NDArray[np.uint8]
    """Records and blocks of all orders."""
    books: NDArray[np.float32]
    """The books of all orders, after one 0."""
    wide: NDArray[np.int32]
    """Where runs begin, 17 for each block with a long one, after one 0."""


@inlined
def read_bits(data: NDArray[np.uint8], at: Int, width: Int) -> Int:
    """The field of `width` bits, up to 57, that begins at bit `at`."""
    return (load_int64(data.ctypes.data + (at >> 3)) >> (at & 7)) & ((np.int64(1) << width) - 1)


@inlined
def decode_value(books: NDArray[np.float32], book: Int, field: Int) -> Any:
    """The float32 that a field stands for."""
    if book == NO_CODEBOOK:
        return np.int32(field).view(np.float32)
    return books[book + field]


@inlined
def token(trie: Trie, n: Int, i: Int) -> Int:
    """The last word of an n-gram."""
    level = trie.levels[n]
    if n == 1:
        return i
    return read_bits(trie.data, level.records + i * (level.token_bits + level.logprob_bits), level.token_bits)


@inlined
def logprob(trie: Trie, n: Int, i: Int) -> Any:
    """Log P(last word | the words before it) of an n-gram, nats."""
    level = trie.levels[n]
    at = level.records + i * (level.token_bits + level.logprob_bits) + level.token_bits
    return decode_value(trie.books, level.logprob_book, read_bits(trie.data, at, level.logprob_bits))


@inlined
def backoff(trie: Trie, n: Int, i: Int) -> Any:
    """Log of the weight that a word unlisted under a context of n words finds on its way to a shorter one."""
    level = trie.levels[n]
    at = (level.blocks + (i >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits) + BLOCK_HEADER_BYTES) << 3
    field = read_bits(trie.data, at + (i & 15) * level.backoff_bits, level.backoff_bits)
    return decode_value(trie.books, level.backoff_book, field)


@inlined
def child_range(trie: Trie, n: Int, i: Int) -> tuple[Int, Int]:
    """Where the run of a context of n words begins among the n-grams one order up, and its length."""
    level = trie.levels[n]
    block = trie.data.ctypes.data + level.blocks + (i >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits)
    begin, k = load_int64(block) & 0xFFFFFFFF, i & 15
    if begin >> 31:
        at = (begin & 0x7FFFFFFF) + k
        return np.int64(trie.wide[at]), np.int64(trie.wide[at + 1] - trie.wide[at])
    lengths = load_int64(block + 4)
    return begin + sum_nibbles(lengths & ((np.int64(1) << (4 * k)) - 1)), (lengths >> (4 * k)) & 15


@inlined
def sum_nibbles(word: Int) -> Int:
    """The sum of the sixteen nibbles of a word; below 256."""
    pairs = (word & 0x0F0F0F0F0F0F0F0F) + ((word >> 4) & 0x0F0F0F0F0F0F0F0F)
    return ((pairs * 0x0101010101010101) >> 56) & 0xFF


@inlined
def prefetch_block(trie: Trie, n: Int, i: Int) -> None:
    """Ask for the block of a context of n words before it is read."""
    level = trie.levels[n]
    prefetch(trie.data.ctypes.data + level.blocks + (i >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits))


@inlined
def prefetch_record(trie: Trie, n: Int, i: Int) -> None:
    """Ask for the record of an n-gram of order n before it is read."""
    level = trie.levels[n]
    prefetch(trie.data.ctypes.data + ((level.records + i * (level.token_bits + level.logprob_bits)) >> 3))


@inlined
def find_child(trie: Trie, n: Int, i: Int, word: Int) -> Int:
    """The n-gram one order up that is `word` after the context `i` of n words, or -1: a search without a guess."""
    begin, length = child_range(trie, n, i)
    level = trie.levels[n + 1]
    width = level.token_bits + level.logprob_bits
    if length == 0:
        return np.int64(-1)
    while length > 1:
        half = length >> 1
        middle = read_bits(trie.data, level.records + (begin + half) * width, level.token_bits)
        begin += half & ((middle - word - 1) >> 63)
        length -= half
    return begin if read_bits(trie.data, level.records + begin * width, level.token_bits) == word else np.int64(-1)


@compiled
def find_parent(trie: Trie, n: Int, i: Int) -> Int:
    """The context of an n-gram of order n, 2 or more: the last of one order below whose run does not begin after it."""
    low, high = np.int64(0), np.int64(trie.levels[n - 1].size)
    while high - low > 1:
        middle = (low + high) >> 1
        if child_range(trie, n - 1, middle)[0] <= i:
            low = middle
        else:
            high = middle
    return low


@compiled
def split_ngrams(
    trie: Trie, n: Int, places: NDArray[np.int64], contexts: NDArray[np.int64], words: NDArray[np.int64]
) -> None:
    """Write the contexts and the last words of n-grams of order n, 2 or more, whose `places` do not fall."""
    if len(places):
        at = find_parent(trie, n, places[0])
        begin, length = child_range(trie, n - 1, at)
        for k in range(len(places)):
            while begin + length <= places[k]:
                at += 1
                begin, length = child_range(trie, n - 1, at)
            contexts[k] = at
            words[k] = token(trie, n, places[k])
