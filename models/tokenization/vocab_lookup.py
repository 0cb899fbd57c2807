"""The bytes of word tokens to numbers: an open-addressing table, and the compiled loop that looks up a whole text.

It knows bytes and hashes. A table made of a vocabulary gives each token its id; a growing one numbers the tokens that
it meets as they come and counts them. What a token is, it asks `models.tokenization.word_splitter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import LOWER_HALF, Int, compiled, inlined, load, mixed
from models.special_tokens import EOS
from models.tokenization.word_splitter import (
    BLANK,
    NEWLINE,
    STRIDE,
    Alphabet,
    Bytes,
    bytes_of,
    class_at,
    same,
    token_end,
)

MISSING = -1


class Table(NamedTuple):
    """Token k is `spelling[begins[k] : begins[k + 1]]`.

    slots: [S, 2], S a power of two and at least twice the tokens. For the token that a hash leads to: its last eight
        bytes, which are the whole of most words and spare a look at `spelling`; its length and, one up, its number,
        half of the bits each. Empty slots hold 0.
    counts: [C] how often each token came to a growing table.
    size: [1] the number of tokens; `counts`, `begins` and `spelling` may have room for more.
    """

    slots: NDArray[np.int64]
    spelling: Bytes
    begins: NDArray[np.int64]
    counts: NDArray[np.int64]
    size: NDArray[np.int64]


def table_of(tokens: Sequence[str]) -> Table:
    """A table that numbers `tokens`, each there once, in their order."""
    spellings = [token.encode() for token in tokens]
    begins = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum([len(spelling) for spelling in spellings], out=begins[1:])
    spelling = bytes_of(b"".join(spellings))
    return _with_slots(spelling, begins, np.zeros(len(tokens), np.int64), np.array([len(tokens)]))


def with_room(table: Table, more: int) -> Table:
    """A table of the same tokens with room for `more` tokens of `more` bytes in all."""
    size = int(table.size[0])
    letters = int(table.begins[size])
    if size + more <= table.counts.size and letters + more + STRIDE <= table.spelling.size:
        return table
    spelling, begins, counts = (
        np.concatenate([old[:used], np.zeros(2 * more + used + STRIDE, old.dtype)])
        for old, used in ((table.spelling, letters), (table.begins, size + 1), (table.counts, size))
    )
    return _with_slots(spelling, begins, counts, table.size)


def _with_slots(spelling: Bytes, begins: Any, counts: Any, size: Any) -> Table:
    slots = np.zeros((2 << int(counts.size).bit_length(), 2), np.int64)
    table = Table(slots, spelling, begins, counts, size)
    fill_slots(table)
    return table


def tokens_of(table: Table) -> list[str]:
    """The tokens of a table by number."""
    spelling = table.spelling.tobytes()
    return [spelling[begin:end].decode() for begin, end in pairwise(table.begins[: table.size[0] + 1].tolist())]


@compiled
def number(data: Bytes, alphabet: Alphabet, table: Table, growing: bool, out: NDArray[np.int32]) -> Int:
    """Write the number of each token of `data` to `out` [>= T], a newline's is EOS; how many there are.

    A token that the table lacks is MISSING or, where it is `growing` (and has the room), gets the next number.
    """
    # Typed from the start: zeros as they stand would have every loop compiled for literals as well.
    return number_part(data, np.int64(0), data.size, alphabet, table, growing, out, np.int64(0))


@compiled
def number_each(
    data: Bytes,
    spans: NDArray[np.int64],
    alphabet: Alphabet,
    table: Table,
    out: NDArray[np.int32],
    ends: NDArray[np.int64],
) -> Int:
    """Write the numbers of the tokens of N texts to `out` [>= T], as `number` does; how many there are.

    Text k is `data[spans[k, 0] : spans[k, 1]]` and followed by a newline or nothing; its tokens end before `ends[k]`.
    """
    n: Int = np.int64(0)
    for k in range(ends.size):
        n = number_part(data, spans[k, 0], spans[k, 1], alphabet, table, False, out, n)
        ends[k] = n
    return n


@compiled
def number_part(
    data: Bytes, i: Int, end: Int, alphabet: Alphabet, table: Table, growing: bool, out: NDArray[np.int32], n: Int
) -> Int:
    """`number` of `data[i:end]`, which a newline or nothing follows, written from `out[n]` on; where it ends there."""
    after_word = bool(data.size < 0)
    while i < end:
        kind, length = class_at(data, i, alphabet)
        if kind == BLANK:
            if data[i] == NEWLINE:
                out[n] = EOS
                n += 1
            i, after_word = i + length, False
            continue
        stop, after_word = token_end(data, i, after_word, alphabet)
        key, packed = hash_of(data, i, stop)
        slot = slot_of(table, key, packed, data, i, stop)
        if growing:
            count(table, slot, packed, data, i, stop)
        out[n] = (table.slots[slot, 1] & LOWER_HALF) - 1
        i, n = stop, n + 1
    return n


@inlined
def hash_of(data: Bytes, begin: Int, end: Int) -> tuple[Int, Int]:
    """A hash of the token `data[begin:end]`, and its last eight bytes, fewer where it has no more."""
    address, key = data.ctypes.data, end - begin
    if end - begin < STRIDE:
        packed = load(address + begin) & ((np.int64(1) << (8 * (end - begin))) - 1)
    else:
        packed = load(address + end - STRIDE)
        while end - begin > STRIDE:
            key = mixed(key ^ load(address + begin))
            begin += STRIDE
    return mixed(key ^ packed), packed


@compiled
def slot_of(table: Table, key: Int, packed: Int, data: Bytes, begin: Int, end: Int) -> Int:
    """The slot of the token `data[begin:end]`, of that hash and last bytes, or the empty one where it belongs."""
    slots, length = table.slots, end - begin
    slot = key & (slots.shape[0] - 1)
    while slots[slot, 1] != 0:
        if slots[slot, 0] == packed and slots[slot, 1] >> 32 == length:
            first = table.begins[(slots[slot, 1] & LOWER_HALF) - 1]
            if length <= STRIDE or same(table.spelling, first, data, begin, length - STRIDE):
                break
        slot = (slot + 1) & (slots.shape[0] - 1)
    return slot


@compiled
def count(table: Table, slot: Int, packed: Int, data: Bytes, begin: Int, end: Int) -> None:
    """Count the token `data[begin:end]`, which goes to `slot`; number it if that is empty."""
    token = (table.slots[slot, 1] & LOWER_HALF) - 1
    if token == MISSING:
        token = table.size[0]
        first = table.begins[token]
        for i in range(end - begin):
            table.spelling[first + i] = data[begin + i]
        table.begins[token + 1] = first + end - begin
        table.size[0] = token + 1
        take(table, slot, packed, end - begin, token)
    table.counts[token] += 1


@compiled
def take(table: Table, slot: Int, packed: Int, length: Int, token: Int) -> None:
    """Fill `slot` with a token."""
    table.slots[slot, 0] = packed
    table.slots[slot, 1] = length << 32 | (token + 1)


@compiled
def fill_slots(table: Table) -> None:
    """Give every token of `table` its slot; all must be empty."""
    for token in range(table.size[0]):
        begin, end = table.begins[token], table.begins[token + 1]
        key, packed = hash_of(table.spelling, begin, end)
        take(table, slot_of(table, key, packed, table.spelling, begin, end), packed, end - begin, token)
