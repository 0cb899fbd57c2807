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

from models.kernels.jit import LOW_32_BITS, Int, compiled, inlined, load_int64, mix_bits
from models.special_tokens import EOS
from models.tokenization.word_splitter import (
    NEWLINE,
    SPACE,
    STRIDE,
    ByteArray,
    CharClasses,
    bytes_equal,
    class_at,
    padded_bytes,
    token_end,
)

MISSING = -1


class VocabTable(NamedTuple):
    """Token k is `spelling[begins[k] : begins[k + 1]]`.

    slots: [S, 2], S a power of two and at least twice the tokens. For the token that a hash leads to: its last eight
        bytes, which are the whole of most words and spare a look at `spelling`; its length and, one up, its number,
        half of the bits each. Empty slots hold 0.
    counts: [C] how often each token came to a growing table.
    size: [1] the number of tokens; `counts`, `begins` and `spelling` may have room for more.
    """

    slots: NDArray[np.int64]
    token_bytes: ByteArray
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    size: NDArray[np.int64]


def build_vocab_table(tokens: Sequence[str]) -> VocabTable:
    """A table that numbers `tokens`, each there once, in their order."""
    spellings = [token.encode() for token in tokens]
    begins = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum([len(spelling) for spelling in spellings], out=begins[1:])
    spelling = padded_bytes(b"".join(spellings))
    return _build_slots(spelling, begins, np.zeros(len(tokens), np.int64), np.array([len(tokens)]))


def reserve(table: VocabTable, more: int) -> VocabTable:
    """A table of the same tokens with room for `more` tokens of `more` bytes in all."""
    size = int(table.size[0])
    letters = int(table.offsets[size])
    if size + more <= table.counts.size and letters + more + STRIDE <= table.token_bytes.size:
        return table
    spelling, begins, counts = (
        np.concatenate([old[:used], np.zeros(2 * more + used + STRIDE, old.dtype)])
        for old, used in ((table.token_bytes, letters), (table.offsets, size + 1), (table.counts, size))
    )
    return _build_slots(spelling, begins, counts, table.size)


def _build_slots(spelling: ByteArray, begins: Any, counts: Any, size: Any) -> VocabTable:
    slots = np.zeros((2 << int(counts.size).bit_length(), 2), np.int64)
    table = VocabTable(slots, spelling, begins, counts, size)
    fill_all_slots(table)
    return table


def table_tokens(table: VocabTable) -> list[str]:
    """The tokens of a table by number."""
    spelling = table.token_bytes.tobytes()
    return [spelling[begin:end].decode() for begin, end in pairwise(table.offsets[: table.size[0] + 1].tolist())]


@compiled
def encode_text(
    data: ByteArray, alphabet: CharClasses, table: VocabTable, growing: bool, out: NDArray[np.int32]
) -> Int:
    """Write the number of each token of `data` to `out` [>= T], a newline's is EOS; how many there are.

    A token that the table lacks is MISSING or, where it is `growing` (and has the room), gets the next number.
    """
    # Typed from the start: zeros as they stand would have every loop compiled for literals as well.
    return encode_span(data, np.int64(0), data.size, alphabet, table, growing, out, np.int64(0))


@compiled
def encode_texts(
    data: ByteArray,
    spans: NDArray[np.int64],
    alphabet: CharClasses,
    table: VocabTable,
    out: NDArray[np.int32],
    ends: NDArray[np.int64],
) -> Int:
    """Write the numbers of the tokens of N texts to `out` [>= T], as `number` does; how many there are.

    Text k is `data[spans[k, 0] : spans[k, 1]]` and followed by a newline or nothing; its tokens end before `ends[k]`.
    """
    n: Int = np.int64(0)
    for k in range(ends.size):
        n = encode_span(data, spans[k, 0], spans[k, 1], alphabet, table, False, out, n)
        ends[k] = n
    return n


@compiled
def encode_span(
    data: ByteArray,
    i: Int,
    end: Int,
    alphabet: CharClasses,
    table: VocabTable,
    growing: bool,
    out: NDArray[np.int32],
    n: Int,
) -> Int:
    """`number` of `data[i:end]`, which a newline or nothing follows, written from `out[n]` on; where it ends there."""
    after_word = bool(data.size < 0)
    while i < end:
        kind, length = class_at(data, i, alphabet)
        if kind == SPACE:
            if data[i] == NEWLINE:
                out[n] = EOS
                n += 1
            i, after_word = i + length, False
            continue
        stop, after_word = token_end(data, i, after_word, alphabet)
        key, packed = hash_token(data, i, stop)
        slot = find_slot(table, key, packed, data, i, stop)
        if growing:
            count_token(table, slot, packed, data, i, stop)
        out[n] = (table.slots[slot, 1] & LOW_32_BITS) - 1
        i, n = stop, n + 1
    return n


@inlined
def hash_token(data: ByteArray, begin: Int, end: Int) -> tuple[Int, Int]:
    """A hash of the token `data[begin:end]`, and its last eight bytes, fewer where it has no more."""
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
    """The slot of the token `data[begin:end]`, of that hash and last bytes, or the empty one where it belongs."""
    slots, length = table.slots, end - begin
    slot = key & (slots.shape[0] - 1)
    while slots[slot, 1] != 0:
        if slots[slot, 0] == packed and slots[slot, 1] >> 32 == length:
            first = table.offsets[(slots[slot, 1] & LOW_32_BITS) - 1]
            if length <= STRIDE or bytes_equal(table.token_bytes, first, data, begin, length - STRIDE):
                break
        slot = (slot + 1) & (slots.shape[0] - 1)
    return slot


@compiled
def count_token(table: VocabTable, slot: Int, packed: Int, data: ByteArray, begin: Int, end: Int) -> None:
    """Count the token `data[begin:end]`, which goes to `slot`; number it if that is empty."""
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
    """Fill `slot` with a token."""
    table.slots[slot, 0] = packed
    table.slots[slot, 1] = length << 32 | (token + 1)


@compiled
def fill_all_slots(table: VocabTable) -> None:
    """Give every token of `table` its slot; all must be empty."""
    for token in range(table.size[0]):
        begin, end = table.offsets[token], table.offsets[token + 1]
        key, packed = hash_token(table.token_bytes, begin, end)
        fill_slot(table, find_slot(table, key, packed, table.token_bytes, begin, end), packed, end - begin, token)
