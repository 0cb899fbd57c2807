"""The n-grams of a table, order by order, packed into the layout that is queried; unpacked and checked again.

It knows how records, blocks and books are written. It does not know what the numbers mean, nor files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import Int, compiled
from models.layout import BLOCK, HEAD, LEVEL, LONGEST, PADDING, RAW, Trie, backoff, logprob, run, token

_LARGEST_BOOK = 1 << 16
_EMPTY = np.int64(-1)
_MULTIPLIER = -0x61C8864680B583EB  # 2 ** 64 over the golden ratio, as a signed number


class Order(NamedTuple):
    """All n-grams of one order."""

    token: NDArray[Any]
    """[M] last words."""
    logprob: NDArray[np.float32]
    """[M] nats."""
    runs: NDArray[np.int64]
    """[M + 1] where the run of each n-gram begins one order up, and where the last one ends; empty at the highest."""
    backoff: NDArray[np.float32]
    """[M] nats; empty at the highest order."""
    closed: bool
    """Whether each n-gram without its first word is listed too."""


class Column(NamedTuple):
    """Numbers as fields: their width in bits, the fields [M], and the book [D], empty where they stand as they are."""

    width: int
    fields: NDArray[np.int64]
    book: NDArray[np.float32]


def pack(orders: list[Order]) -> Trie:
    """The trie of `orders`, unigrams first."""
    levels = np.zeros(len(orders) + 1, LEVEL)
    levels[0]["size"] = 1
    parts: list[NDArray[np.uint8]] = []
    books, wide = [np.zeros(1, np.float32)], [np.zeros(1, np.int32)]  # an empty tensor could go unnoticed
    token_bits = max(1, (len(orders[0].token) - 1).bit_length())
    for n, order in enumerate(orders, start=1):
        level = levels[n]
        level["size"], level["closed"] = len(order.token), order.closed
        level["token_bits"] = token_bits if n > 1 else 0
        column = column_of(order.logprob)
        level["logprob_bits"], level["logprob_book"] = column.width, _shelve(books, column)
        level["records"] = 8 * sum(map(len, parts))
        parts.append(_records(order, column, int(level["token_bits"])))
        if n < len(orders):
            column = column_of(order.backoff)
            level["backoff_bits"], level["backoff_book"] = column.width, _shelve(books, column)
            level["blocks"] = sum(map(len, parts))
            blocks, beginnings = _blocks(order.runs, column, sum(map(len, wide)))
            parts.append(blocks)
            wide.append(beginnings)
    parts.append(np.zeros(PADDING, np.uint8))
    return Trie(levels, np.concatenate(parts), np.concatenate(books), np.concatenate(wide))


def _shelve(books: list[NDArray[np.float32]], column: Column) -> int:
    """Put the column's book with the others; where it begins, or RAW."""
    if not len(column.book):
        return RAW
    begin = sum(map(len, books))
    books.append(column.book)
    return begin


def column_of(values: NDArray[np.float32]) -> Column:
    """`values` as fields, by a book where that takes less room."""
    raw = values.view(np.int32)
    limit = min(_LARGEST_BOOK, len(values))
    slots = np.full((4 << limit.bit_length(), 2), _EMPTY)
    fields = np.empty(len(values), np.int64)
    size = distinct(raw, slots, limit, fields)
    width = max(1, (size - 1).bit_length())
    if size > 0 and 32 * size + width * len(values) < 32 * len(values):
        used = slots[slots[:, 1] >= 0]
        return Column(width, fields, used[np.argsort(used[:, 1]), 0].astype(np.int32).view(np.float32))
    return Column(32, raw.astype(np.int64) & 0xFFFFFFFF, np.zeros(0, np.float32))


@compiled
def distinct(values: NDArray[np.int32], slots: NDArray[np.int64], limit: Int, out: NDArray[np.int64]) -> Int:
    """Number distinct `values` as they come, in `slots` [S, 2] of value and number and in `out`; how many there are.

    -1 where there are more than `limit`; then `out` is not finished.
    """
    size: Int = np.int64(0)
    for i in range(len(values)):
        value = np.int64(values[i])
        slot = ((value * _MULTIPLIER) >> 32) & (slots.shape[0] - 1)
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


def _records(order: Order, column: Column, token_bits: int) -> NDArray[np.uint8]:
    width = token_bits + column.width
    data = np.zeros((len(order.token) * width + 7) // 8 + PADDING, np.uint8)
    if token_bits:
        write(data, 0, width, 1, 0, np.ascontiguousarray(order.token, np.int64), token_bits)
    write(data, token_bits, width, 1, 0, column.fields, column.width)
    return data[:-PADDING]


def _blocks(runs: NDArray[np.int64], column: Column, wide_before: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The blocks of one order, and its part of `wide`, before which stand `wide_before`."""
    count = -(-(len(runs) - 1) // BLOCK)
    stride = HEAD + 2 * column.width
    data = np.zeros(count * stride + PADDING, np.uint8)
    padded = np.append(runs, np.full(count * BLOCK + 1 - len(runs), runs[-1]))
    lengths = np.diff(padded).reshape(count, BLOCK)
    long = lengths.max(axis=1, initial=0) > LONGEST
    beginnings = padded[:-1].reshape(count, BLOCK)
    places = wide_before + (BLOCK + 1) * (np.cumsum(long) - 1)
    first = np.where(long, places | 1 << 31, beginnings[:, 0])
    write(data, 0, 8 * stride, 1, 0, np.ascontiguousarray(first), 32)
    write(data, 32, 8 * stride, BLOCK, 4, np.where(long[:, None], 0, lengths).ravel(), 4)
    write(data, 8 * HEAD, 8 * stride, BLOCK, column.width, column.fields, column.width)
    ends = padded[BLOCK::BLOCK]
    return data[:-PADDING], np.append(beginnings, ends[:, None], axis=1)[long].astype(np.int32).ravel()


@compiled
def write(
    data: NDArray[np.uint8], at: Int, stride: Int, group: Int, step: Int, fields: NDArray[np.int64], width: Int
) -> None:
    """Write `fields` of `width` bits in groups: a group every `stride` bits from bit `at` on, in it one every `step`.

    Bits that are set stay set.
    """
    for i in range(len(fields)):
        bit = at + (i // group) * stride + (i % group) * step
        field, byte, shift = fields[i], bit >> 3, bit & 7
        left = width + shift
        value = field << shift
        data[byte] |= np.uint8(value & 0xFF)
        while left > 8:
            left -= 8
            byte += 1
            field = field >> (8 - shift)
            shift = np.int64(0)
            data[byte] |= np.uint8(field & 0xFF)


def unpack(trie: Trie, n: int) -> Order:
    """The n-grams of order n."""
    size, longest = int(trie.levels[n]["size"]), n == len(trie.levels) - 1
    contexts = 0 if longest else size
    order = Order(
        np.empty(size, np.int64),
        np.empty(size, np.float32),
        np.zeros(0 if longest else size + 1, np.int64),
        np.empty(contexts, np.float32),
        bool(trie.levels[n]["closed"]),
    )
    copy_records(trie, n, order.token, order.logprob)
    copy_blocks(trie, n, order.runs, order.backoff)
    return order


@compiled
def copy_records(trie: Trie, n: Int, tokens: NDArray[np.int64], logprobs: NDArray[np.float32]) -> None:
    """Copy the columns of the records of order n."""
    for i in range(len(tokens)):
        tokens[i] = token(trie, n, i)
        logprobs[i] = logprob(trie, n, i)


@compiled
def copy_blocks(trie: Trie, n: Int, runs: NDArray[np.int64], backoffs: NDArray[np.float32]) -> None:
    """Copy the columns of the blocks of order n."""
    for i in range(len(backoffs)):
        begin, length = run(trie, n, i)
        runs[i] = begin
        runs[i + 1] = begin + length
        backoffs[i] = backoff(trie, n, i)
