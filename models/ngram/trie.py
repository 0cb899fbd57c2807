"""Bit layout of a trie of n-grams, in memory and in its file, and functions that read its fields.

The n-grams of one order are stored together, sorted by (context, last word), so that the children of a context, the
n-grams one order up that begin with it, are a range of consecutive places. An n-gram is identified by its order and
its place. Each has a record: its last word and its log-probability side by side, so that a search which finds the
word has loaded the number too.

What makes an n-gram a context is stored apart from the records, 16 contexts to a block that fits one or two cache
lines: where the children of the first context begin (4 bytes), how many children each context has (16 times 4 bits),
and the 16 back-off weights. If a context of a block has 15 children or more, the block holds a position in
`Trie.overflow_offsets` instead, where its 17 offsets are stored in full.

Numbers are stored as float32, or as positions in a codebook of all distinct numbers where that takes less room; both
give the same results. No function here checks bounds: `backoff_table.check_trie` checks a whole trie once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, inlined, load_int64, prefetch
from models.kernels.wrapping import wrapping_multiply
from models.utils.arrays import Int64Array
from models.utils.scratch import let_go_of

BLOCK_CONTEXTS = 16
"""Contexts in a block; part of the file format."""
MAX_INLINE_CHILDREN = 14
"""Most children whose number fits the 4 bits of a block."""
BLOCK_HEADER_BYTES = 12
"""Bytes of a block before its back-off weights: 4 of the first offset, 8 of the numbers of children."""
PADDING_BYTES = 16
"""Bytes after the last field: fields are read eight bytes at a time, and searches read one record too far."""
PIECE_PLACES = 1 << 22
"""Places that are checked between two times that pages of the file are let go of: some tens of megabytes."""
NO_CODEBOOK = -1
"""Codebook position of numbers that are stored as float32."""

LEVEL_FIELDS = (
    "size",  # number of n-grams of this order
    "first_record_bit",  # where their records begin in `data`, in bits
    "token_bits",
    "logprob_bits",
    "logprob_codebook",  # where the codebook begins in `codebooks`, or NO_CODEBOOK
    "first_block_byte",  # where the blocks begin in `data`, in bytes
    "backoff_bits",
    "backoff_codebook",
    "suffix_closed",  # 1 if each n-gram without its first word is listed too
)
"""Fields of a record of `Trie.levels`, int64 each, in the order of the file."""
LEVEL_DTYPE = np.dtype([(name, np.int64) for name in LEVEL_FIELDS])


class Trie(NamedTuple):
    """N-grams of the orders 1 to N in packed form. Order n is `levels[n]`; order 0 is the empty context."""

    levels: Any
    """[N + 1] of LEVEL_DTYPE; not NDArray[np.void], whose fields mypy does not see as attributes."""
    data: NDArray[np.uint8]
    """Records and blocks of all orders."""
    codebooks: NDArray[np.float32]
    """Codebooks of all orders, after one 0."""
    overflow_offsets: NDArray[np.int32]
    """Child offsets of blocks that do not fit their own bits, 17 a block, after one 0."""


def place_pieces(trie: Trie, n: int) -> Iterator[tuple[int, int]]:
    """Cut the places of order n into pieces, and let go of the pages of a file that were read for each.

    A table that is larger than the memory is so checked without filling it. Small ones are one piece, and kept.
    """
    size = int(trie.levels[n]["size"])
    for begin in range(0, size, PIECE_PLACES):
        yield begin, min(begin + PIECE_PLACES, size)
        if size > PIECE_PLACES:
            let_go_of(trie.data, unchanged=True)


@inlined
def read_bits(data: NDArray[np.uint8], first: Int, width: Int) -> Int:
    """Read the field of `width` bits, up to 57, that begins at bit `first`."""
    bits: Int = (load_int64(data.ctypes.data + (first >> 3)) >> (first & 7)) & ((np.int64(1) << width) - 1)
    return bits


@inlined
def decode_value(codebooks: NDArray[np.float32], codebook: Int, code: Int) -> np.float32:
    """Return the float32 that a field stands for."""
    if codebook == NO_CODEBOOK:
        return np.int32(code).view(np.float32)
    value: np.float32 = codebooks[codebook + code]
    return value


@inlined
def record_bit(trie: Trie, n: Int, place: Int) -> Int:
    """Return where the record of an n-gram of order n begins in `data`, in bits."""
    level = trie.levels[n]
    bit: Int = level.first_record_bit + place * (level.token_bits + level.logprob_bits)
    return bit


@inlined
def block_byte(trie: Trie, n: Int, place: Int) -> Int:
    """Return where the block of a context of n words begins in `data`, in bytes."""
    level = trie.levels[n]
    byte: Int = level.first_block_byte + (place >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits)
    return byte


@inlined
def token(trie: Trie, n: Int, place: Int) -> Int:
    """Return the last word of an n-gram of order n."""
    if n == 1:
        return place
    return read_bits(trie.data, record_bit(trie, n, place), trie.levels[n].token_bits)


@inlined
def logprob(trie: Trie, n: Int, place: Int) -> np.float32:
    """Return log P(last word | the words before it) of an n-gram of order n, in nats."""
    level = trie.levels[n]
    code = read_bits(trie.data, record_bit(trie, n, place) + level.token_bits, level.logprob_bits)
    return decode_value(trie.codebooks, level.logprob_codebook, code)


@inlined
def backoff_code(trie: Trie, n: Int, place: Int) -> Int:
    """Return the field that holds the back-off weight of a context of n words."""
    first, bits = block_byte(trie, n, place) + BLOCK_HEADER_BYTES, trie.levels[n].backoff_bits
    return read_bits(trie.data, (first << 3) + (place & 15) * bits, bits)


@inlined
def backoff(trie: Trie, n: Int, place: Int) -> np.float32:
    """Return the log back-off weight (nats) of a context of n words, for words that are not its children."""
    return decode_value(trie.codebooks, trie.levels[n].backoff_codebook, backoff_code(trie, n, place))


@inlined
def child_range(trie: Trie, n: Int, place: Int) -> tuple[Int, Int]:
    """Return the first child's place, one order up, and the number of children of a context of n words."""
    block, k = trie.data.ctypes.data + block_byte(trie, n, place), place & 15
    begin = load_int64(block) & 0xFFFFFFFF
    if begin >> 31:
        first = (begin & 0x7FFFFFFF) + k
        offset = np.int64(trie.overflow_offsets[first])
        return offset, trie.overflow_offsets[first + 1] - offset
    sizes = load_int64(block + 4)
    return begin + sum_nibbles(sizes & ((np.int64(1) << (4 * k)) - 1)), (sizes >> (4 * k)) & 15


@inlined
def sum_nibbles(word: Int) -> Int:
    """Return the sum of the sixteen nibbles of a word; it must be below 256."""
    pairs = (word & 0x0F0F0F0F0F0F0F0F) + ((word >> 4) & 0x0F0F0F0F0F0F0F0F)
    total: Int = (wrapping_multiply(pairs, 0x0101010101010101) >> 56) & 0xFF
    return total


@inlined
def prefetch_block(trie: Trie, n: Int, place: Int) -> None:
    """Load the block of a context of n words into the cache before it is read."""
    prefetch(trie.data.ctypes.data + block_byte(trie, n, place))


@inlined
def prefetch_record(trie: Trie, n: Int, place: Int) -> None:
    """Load the record of an n-gram of order n into the cache before it is read."""
    prefetch(trie.data.ctypes.data + (record_bit(trie, n, place) >> 3))


@inlined
def find_child(trie: Trie, n: Int, place: Int, word: Int) -> Int:
    """Return the place of the child `word` of a context of n words, or -1.

    The binary search moves by arithmetic instead of a branch that no predictor can guess: with branches, scoring
    ptb.valid by search alone takes 21 ms instead of 14.5.
    """
    begin, size = child_range(trie, n, place)
    token_bits = trie.levels[n + 1].token_bits
    if size == 0:
        return np.int64(-1)
    while size > 1:
        half = size >> 1
        middle = read_bits(trie.data, record_bit(trie, n + 1, begin + half), token_bits)
        begin += half & ((middle - word - 1) >> 63)
        size -= half
    return begin if read_bits(trie.data, record_bit(trie, n + 1, begin), token_bits) == word else np.int64(-1)


@compiled
def find_parent(trie: Trie, n: Int, place: Int) -> Int:
    """Return the context of an n-gram of order n, 2 or more, by binary search over child ranges."""
    low, high = np.int64(0), np.int64(trie.levels[n - 1].size)
    while high - low > 1:
        middle = (low + high) >> 1
        if child_range(trie, n - 1, middle)[0] <= place:
            low = middle
        else:
            high = middle
    return low


@compiled
def split_ngrams(trie: Trie, n: Int, places: Int64Array, contexts: Int64Array, words: Int64Array) -> None:
    """Write the contexts and the last words of the n-grams of order n, 2 or more, at ascending `places`."""
    if len(places):
        context = find_parent(trie, n, places[0])
        begin, size = child_range(trie, n - 1, context)
        for k in range(len(places)):
            while begin + size <= places[k]:
                context += 1
                begin, size = child_range(trie, n - 1, context)
            contexts[k] = context
            words[k] = token(trie, n, places[k])
