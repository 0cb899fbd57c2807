"""Look-up of word tokens by their UTF-8 bytes, in a hash table with open addressing.

`build_vocab_table` numbers the tokens of a vocabulary by id; a growing table numbers tokens in the order in which it
meets them, and counts them. `encode_text` looks up one text, `encode_texts` several at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from models.kernels.hashing import LOW_32_BITS, mix_bits, next_slot, slot_count
from models.kernels.jit import Int, compiled, inlined, load_int64
from models.special_tokens import EOS
from models.tokenization.encoding import MISSING
from models.tokenization.words.char_classes import SPACE, STRIDE, CharClasses, class_at, padded_bytes
from models.tokenization.words.letters import bytes_equal
from models.tokenization.words.word_splitter import NEWLINE, token_end
from models.utils.arrays import ByteArray, Int32Array, Int64Array


class VocabTable(NamedTuple):
    """Hash table of tokens; token k is `token_bytes[offsets[k] : offsets[k + 1]]`.

    slots: [S, 2], S a power of two and at least twice the number of tokens. For the token that a hash leads to: its
        last eight bytes, which are all of most words and spare a look at `token_bytes`; then its length (upper half of
        the bits) and its number plus one (lower half). Empty slots hold 0.
    counts: [C] how often each token came to a growing table.
    size: [1] the number of tokens; `counts`, `offsets` and `token_bytes` may have room for more.
    """

    slots: Int64Array
    token_bytes: ByteArray
    offsets: Int64Array
    counts: Int64Array
    size: Int64Array


def build_vocab_table(tokens: Sequence[str]) -> VocabTable:
    """Build a table that numbers `tokens`, which must be distinct, in their order."""
    offsets = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, map(str.encode, tokens)), np.int64, len(tokens)), out=offsets[1:])
    token_bytes = padded_bytes("".join(tokens).encode())
    return _build_slots(token_bytes, offsets, np.zeros(len(tokens), np.int64), np.array([len(tokens)]))


def reserve(table: VocabTable, more: int) -> VocabTable:
    """Return a table of the same tokens with room for `more` tokens of `more` bytes in all."""
    size = int(table.size[0])
    byte_count = int(table.offsets[size])
    if size + more <= table.counts.size and byte_count + more + STRIDE <= table.token_bytes.size:
        return table
    token_bytes, offsets, counts = (
        np.concatenate([old[:used], np.zeros(2 * more + used + STRIDE, old.dtype)])
        for old, used in ((table.token_bytes, byte_count), (table.offsets, size + 1), (table.counts, size))
    )
    return _build_slots(token_bytes, offsets, counts, table.size)


def _build_slots(token_bytes: ByteArray, offsets: Int64Array, counts: Int64Array, size: Int64Array) -> VocabTable:
    slots = np.zeros((slot_count(counts.size), 2), np.int64)
    table = VocabTable(slots, token_bytes, offsets, counts, size)
    fill_all_slots(table)
    return table


def table_tokens(table: VocabTable) -> list[str]:
    """Return the tokens of `table` by number."""
    token_bytes = table.token_bytes.tobytes()
    return [token_bytes[begin:end].decode() for begin, end in pairwise(table.offsets[: table.size[0] + 1].tolist())]


def encode_text(text: bytes, classes: CharClasses, table: VocabTable, *, growing: bool = False) -> Int32Array:
    """Return the number of each token of `text` [T]; a newline's is EOS.

    A token that the table lacks is MISSING or, in a `growing` table, gets the next number; `reserve` room before.
    """
    numbers = np.empty(len(text), np.int32)
    size = encode_span(padded_bytes(text), 0, len(text), classes, table, growing, numbers, 0)
    return numbers[:size].copy()  # a view would keep the memory that `text` takes with one token a byte


@compiled
def encode_texts(
    data: ByteArray, spans: Int64Array, classes: CharClasses, table: VocabTable, numbers: Int32Array, ends: Int64Array
) -> Int:
    """Write the number of each token of N texts to `numbers` [>= T] and return T.

    A token that `table` lacks is MISSING. Text k is `data[spans[k, 0] : spans[k, 1]]`, which a newline or nothing
    follows. `ends` [N] is set to the position after its last token.
    """
    n: Int = np.int64(0)
    for k in range(ends.size):
        n = encode_span(data, spans[k, 0], spans[k, 1], classes, table, False, numbers, n)
        ends[k] = n
    return n


@compiled
def encode_span(
    data: ByteArray,
    i: Int,
    end: Int,
    classes: CharClasses,
    table: VocabTable,
    growing: bool,
    numbers: Int32Array,
    n: Int,
) -> Int:
    """Write the numbers of the tokens of `data[i:end]` to `numbers[n:]`; return the position behind.

    A newline or nothing must follow `data[i:end]`. `growing` as in `encode_text`.
    """
    while i < end:
        kind, length = class_at(data, i, classes)
        if kind & SPACE:
            if data[i] == NEWLINE:
                numbers[n] = EOS
                n += 1
            i += length
            continue
        stop = token_end(data, i, classes)
        key, packed = hash_token(data, i, stop)
        slot = find_slot(table, key, packed, data, i, stop)
        if growing:
            count_token(table, slot, packed, data, i, stop)
        numbers[n] = (table.slots[slot, 1] & LOW_32_BITS) - 1
        i, n = stop, n + 1
    return n


@inlined
def hash_token(data: ByteArray, begin: Int, end: Int) -> tuple[Int, Int]:
    """Return a hash of the token `data[begin:end]`, and its last eight bytes, or all, as a number."""
    address, key = data.ctypes.data, end - begin
    if end - begin < STRIDE:
        packed = load_int64(address + begin) & ((np.int64(1) << (8 * (end - begin))) - 1)
    else:
        packed = load_int64(address + end - STRIDE)
        while end - begin > STRIDE:
            key = mix_bits(key ^ load_int64(address + begin))
            begin += STRIDE
    return mix_bits(key ^ packed), packed


@compiled
def find_slot(table: VocabTable, key: Int, packed: Int, data: ByteArray, begin: Int, end: Int) -> Int:
    """Return the slot of the token `data[begin:end]`, or the empty slot where it belongs.

    `key`, `packed`: its hash and its last bytes, from `hash_token`.
    """
    slots, length = table.slots, end - begin
    slot: Int = key & (slots.shape[0] - 1)
    while slots[slot, 1] != 0:
        if slots[slot, 0] == packed and slots[slot, 1] >> 32 == length:
            first = table.offsets[(slots[slot, 1] & LOW_32_BITS) - 1]
            if length <= STRIDE or bytes_equal(table.token_bytes, first, data, begin, length - STRIDE):
                break
        slot = next_slot(slot, 0, slots.shape[0])
    return slot


@compiled
def count_token(table: VocabTable, slot: Int, packed: Int, data: ByteArray, begin: Int, end: Int) -> None:
    """Count the token `data[begin:end]` of `slot`, and add it to the table if the slot is empty."""
    token = (table.slots[slot, 1] & LOW_32_BITS) - 1
    if token == MISSING:
        token = table.size[0]
        first = table.offsets[token]
        for i in range(end - begin):
            table.token_bytes[first + i] = data[begin + i]
        table.offsets[token + 1] = first + end - begin
        table.size[0] = token + 1
        fill_slot(table, slot, packed, end - begin, token)
    table.counts[token] += 1


@compiled
def fill_slot(table: VocabTable, slot: Int, packed: Int, length: Int, token: Int) -> None:
    """Put token number `token`, `length` bytes long, into `slot`."""
    table.slots[slot, 0] = packed
    table.slots[slot, 1] = length << 32 | (token + 1)


@compiled
def fill_all_slots(table: VocabTable) -> None:
    """Put every token of `table` into its slot. All slots must be empty."""
    for token in range(table.size[0]):
        begin, end = table.offsets[token], table.offsets[token + 1]
        key, packed = hash_token(table.token_bytes, begin, end)
        fill_slot(table, find_slot(table, key, packed, table.token_bytes, begin, end), packed, end - begin, token)
