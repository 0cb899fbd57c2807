"""The n-grams of a table, order by order, packed into the layout that is queried; unpacked and checked again.

It knows how records, blocks and books are written. It does not know what the numbers mean, nor files.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import GOLDEN_RATIO, Int, compiled, inlined
from models.ngram.trie import (
    BLOCK_CONTEXTS,
    BLOCK_HEADER_BYTES,
    LEVEL_DTYPE,
    MAX_INLINE_CHILDREN,
    NO_CODEBOOK,
    PADDING_BYTES,
    Trie,
    backoff,
    child_range,
    logprob,
    token,
)
from models.utils.parallel import parallel_map

_MAX_CODEBOOK_SIZE = 1 << 16
_EMPTY = np.int32(-1)


class UnpackedOrder(NamedTuple):
    """All n-grams of one order."""

    token: NDArray[np.integer[Any]]
    """[M] last words."""
    logprob: NDArray[np.float32]
    """[M] nats."""
    child_offsets: NDArray[np.integer[Any]]
    """[M + 1] where the run of each n-gram begins one order up, and where the last one ends; empty at the highest."""
    backoff: NDArray[np.float32]
    """[M] nats; empty at the highest order."""
    suffix_closed: bool
    """Whether each n-gram without its first word is listed too."""


class PackedColumn(NamedTuple):
    """Numbers as fields: their width in bits, the fields [M], and the book [D], empty where they stand as they are."""

    width: int
    codes: NDArray[np.int32]
    codebook: NDArray[np.float32]


def pack(orders: list[UnpackedOrder]) -> Trie:
    """The trie of `orders`, unigrams first."""
    logprobs = parallel_map(pack_column, [order.logprob for order in orders])
    backoffs = parallel_map(pack_column, [order.backoff for order in orders[:-1]])
    levels = np.zeros(len(orders) + 1, LEVEL_DTYPE)
    levels[0]["size"] = 1
    books = [np.zeros(1, np.float32)]  # an empty tensor could go unnoticed
    data = np.zeros(_assign_positions(levels, orders, logprobs, backoffs, books) + PADDING_BYTES, np.uint8)
    long = [count_overflow_blocks(order.child_offsets) for order in orders[:-1]]
    places = 1 + (BLOCK_CONTEXTS + 1) * np.cumsum([0, *long])
    wide = np.zeros(places[-1], np.int32)

    def write(n: int) -> None:
        order, level, column = orders[n - 1], levels[n], logprobs[n - 1]
        write_records(data, level["records"], order.token, level["token_bits"], column.codes, column.width)
        if n < len(orders):
            column = backoffs[n - 1]
            write_blocks(data, level["blocks"], order.child_offsets, column.codes, column.width, wide, places[n - 1])

    parallel_map(write, range(len(orders), 0, -1))  # each order has bytes of its own; the highest is the longest
    return Trie(levels, data, np.concatenate(books), wide)


def _assign_positions(
    levels: Any,
    orders: list[UnpackedOrder],
    logprobs: list[PackedColumn],
    backoffs: list[PackedColumn],
    books: list[NDArray[np.float32]],
) -> int:
    """Write where everything will lie into `levels`, put the books together; how many bytes there will be."""
    end, token_bits = 0, 0
    for level, order, numbers, weights in zip_longest(levels[1:], orders, logprobs, backoffs):
        level["size"], level["closed"], level["token_bits"] = len(order.token), order.suffix_closed, token_bits
        level["logprob_bits"], level["logprob_book"] = numbers.width, _append_codebook(books, numbers)
        level["records"] = 8 * end
        end += (len(order.token) * (token_bits + numbers.width) + 7) // 8
        if weights is not None:
            level["backoff_bits"], level["backoff_book"] = weights.width, _append_codebook(books, weights)
            level["blocks"] = end
            end += -(-len(order.token) // BLOCK_CONTEXTS) * (BLOCK_HEADER_BYTES + 2 * weights.width)
        token_bits = max(1, (len(orders[0].token) - 1).bit_length())  # unigrams lie in the order of their words
    return end


def _append_codebook(books: list[NDArray[np.float32]], column: PackedColumn) -> int:
    """Put the column's book with the others; where it begins, or RAW."""
    if not len(column.codebook):
        return NO_CODEBOOK
    begin = sum(map(len, books))
    books.append(column.codebook)
    return begin


def pack_column(values: NDArray[np.float32]) -> PackedColumn:
    """`values` as fields, by a book where that takes less room."""
    raw = np.ascontiguousarray(values).view(np.int32)
    limit = min(_MAX_CODEBOOK_SIZE, len(values))
    slots = np.full((2 << limit.bit_length(), 2), _EMPTY)
    fields = np.empty(len(values), np.int32)
    size = number_distinct(raw, slots, limit, fields)
    width = max(1, (size - 1).bit_length())
    if size > 0 and 32 * size + width * len(values) < 32 * len(values):
        used = slots[slots[:, 1] >= 0]
        return PackedColumn(width, fields, used[np.argsort(used[:, 1]), 0].view(np.float32))
    return PackedColumn(32, raw, np.zeros(0, np.float32))


@compiled
def number_distinct(values: NDArray[np.int32], slots: NDArray[np.int32], limit: Int, out: NDArray[np.int32]) -> Int:
    """Number distinct `values` as they come, in `slots` [S, 2] of value and number and in `out`; how many there are.

    -1 where there are more than `limit`; then `out` is not finished.
    """
    size: Int = np.int64(0)
    for i in range(len(values)):
        value = np.int64(values[i])
        slot = ((value * GOLDEN_RATIO) >> 32) & (slots.shape[0] - 1)
        while slots[slot, 1] >= 0 and slots[slot, 0] != value:
            slot = (slot + 1) & (slots.shape[0] - 1)
        if slots[slot, 1] < 0:
            if size == limit:
                return np.int64(-1)
            slots[slot, 0] = value
            slots[slot, 1] = size
            size += 1
        out[i] = slots[slot, 1]
    return size


@compiled
def write_records(
    data: NDArray[np.uint8],
    at: Int,
    tokens: NDArray[np.integer[Any]],
    token_bits: Int,
    fields: NDArray[np.int32],
    width: Int,
) -> None:
    """Write the records of an order from bit `at` on: each a token of `token_bits`, 0 for none, and a field."""
    mask = (np.int64(1) << width) - 1
    for i in range(len(fields)):
        field = np.int64(fields[i]) & mask
        if token_bits:
            field = field << token_bits | np.int64(tokens[i])
        write_bits(data, at + i * (token_bits + width), token_bits + width, field)


@compiled
def count_overflow_blocks(runs: NDArray[np.integer[Any]]) -> Int:
    """How many blocks of contexts have one with a run that is longer than LONGEST."""
    blocks: Int = np.int64(0)
    for first in range(0, len(runs) - 1, BLOCK_CONTEXTS):
        blocks += block_overflows(runs, first, min(first + BLOCK_CONTEXTS, len(runs) - 1))
    return blocks


@inlined
def block_overflows(runs: NDArray[np.integer[Any]], first: Int, end: Int) -> bool:
    """Whether one of the contexts from `first` to `end` has a run that is longer than LONGEST."""
    while first < end and runs[first + 1] - runs[first] <= MAX_INLINE_CHILDREN:
        first += 1
    return bool(first < end)


@compiled
def write_blocks(
    data: NDArray[np.uint8],
    at: Int,
    runs: NDArray[np.integer[Any]],
    fields: NDArray[np.int32],
    width: Int,
    wide: NDArray[np.int32],
    place: Int,
) -> None:
    """Write the blocks of an order from byte `at` on, and the beginnings of runs in long ones from `place` on."""
    size, bit, mask = len(runs) - 1, np.int64(at) << 3, (np.int64(1) << width) - 1
    for first in range(0, size, BLOCK_CONTEXTS):
        end = min(first + BLOCK_CONTEXTS, size)
        if block_overflows(runs, first, end):
            write_bits(data, bit, np.int64(32), place | np.int64(1) << 31)
            for k in range(BLOCK_CONTEXTS + 1):
                wide[place + k] = runs[min(first + k, size)]
            place += BLOCK_CONTEXTS + 1
        else:
            write_bits(data, bit, np.int64(32), np.int64(runs[first]))
            for i in range(first, end):
                write_bits(data, bit + 32 + 4 * (i - first), np.int64(4), np.int64(runs[i + 1] - runs[i]))
        for i in range(first, end):
            write_bits(data, bit + 8 * BLOCK_HEADER_BYTES + (i - first) * width, width, np.int64(fields[i]) & mask)
        bit += 8 * (BLOCK_HEADER_BYTES + 2 * width)


@inlined
def write_bits(data: NDArray[np.uint8], bit: Int, width: Int, field: Int) -> None:
    """Write a field of `width` bits, up to 57, from `bit` on, into bits that are 0; no byte beyond it is touched."""
    byte, shift = bit >> 3, bit & 7
    data[byte] |= np.uint8((field << shift) & 0xFF)
    done = 8 - shift
    while done < width:
        byte += 1
        data[byte] |= np.uint8((field >> done) & 0xFF)
        done += 8


def unpack(trie: Trie, n: int, begin: int = 0, end: int | None = None) -> UnpackedOrder:
    """The n-grams of order n from `begin` to `end`, all without them."""
    end, longest = int(trie.levels[n]["size"]) if end is None else end, n == len(trie.levels) - 1
    size, contexts = end - begin, 0 if longest else end - begin
    order = UnpackedOrder(
        np.empty(size, np.int64),
        np.empty(size, np.float32),
        np.zeros(0 if longest else size + 1, np.int64),
        np.empty(contexts, np.float32),
        bool(trie.levels[n]["closed"]),
    )
    copy_records(trie, n, begin, order.token, order.logprob)
    copy_blocks(trie, n, begin, order.child_offsets, order.backoff)
    return order


@compiled
def copy_records(trie: Trie, n: Int, begin: Int, tokens: Any, logprobs: NDArray[np.float32]) -> None:
    """Copy the columns of the records of order n from `begin` on."""
    for i in range(len(tokens)):
        tokens[i] = token(trie, n, begin + i)
        logprobs[i] = logprob(trie, n, begin + i)


@compiled
def copy_blocks(trie: Trie, n: Int, begin: Int, runs: Any, backoffs: NDArray[np.float32]) -> None:
    """Copy the columns of the blocks of order n from `begin` on."""
    for i in range(len(backoffs)):
        first, length = child_range(trie, n, begin + i)
        runs[i] = first
        runs[i + 1] = first + length
        backoffs[i] = backoff(trie, n, begin + i)
