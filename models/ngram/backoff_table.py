"""What a trie must fulfil for the compiled loops, which check nothing, never to leave its arrays; quickly told.

It knows the layout, from the side of someone who distrusts it. It does not know how a trie is written.

BackoffTables: what every n-gram smoothing compiles to, one log-probability an n-gram and one weight a context.

It knows which arrays are stored, and how to list the n-grams. It does not know how probabilities are estimated or
queried, nor where in memory each bit lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged
from models.kernels.jit import Int, compiled, inlined
from models.ngram.trie import (
    BLOCK_CONTEXTS,
    BLOCK_HEADER_BYTES,
    LEVEL_DTYPE,
    LEVEL_FIELDS,
    NO_CODEBOOK,
    PADDING_BYTES,
    Trie,
    backoff,
    child_range,
    find_parent,
    logprob,
    read_bits,
    token,
)
from models.ngram.trie_builder import UnpackedOrder, unpack

_DTYPES = (LEVEL_DTYPE, np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.int32))
_MAX_TOKEN_BITS, _MAX_CODE_BITS, _RAW_BITS = 25, 16, 32


def check_trie(trie: Trie, order: int, vocabulary_size: int) -> None:
    """Raise CheckpointDamaged unless `trie` is one of that order for so many words, in all of its parts."""
    _check_arrays(trie, order, vocabulary_size)
    _check_positions(trie)
    shelf, place = 1, 1
    for n in range(1, order + 1):
        if not are_records_valid(trie, n, vocabulary_size):
            raise _damaged(f"order {n}: a last word is none, or a log-probability")
        shelf = _check_codebook(trie, n, "logprob", shelf)
        if n < order:
            place = check_blocks(trie, n, place)
            if place < 0:
                raise _damaged(f"order {n}: contexts do not list the n-grams of the next order one after the other")
            shelf = _check_codebook(trie, n, "backoff", shelf)
    if shelf != len(trie.books) or place != len(trie.wide):
        raise _damaged("something is left over")


def _check_arrays(trie: Trie, order: int, vocabulary_size: int) -> None:
    for name, array, dtype in zip(Trie._fields, trie, _DTYPES, strict=True):
        if array.dtype != dtype or array.ndim != 1:
            raise _damaged(f"{name} has shape {array.shape} and dtype {array.dtype}")
    if len(trie.levels) != order + 1:
        raise _damaged(f"{len(trie.levels) - 1} orders instead of {order}")
    if trie.levels[1]["size"] != vocabulary_size:
        raise _damaged(f"not for {vocabulary_size} words")


def _check_positions(trie: Trie) -> None:
    """Records and blocks must lie one after the other, as wide as may be, and fill `data`."""
    begin = 0
    for n, level in enumerate(trie.levels[1:], start=1):
        size, token_bits, number_bits = (int(level[name]) for name in ("size", "token_bits", "logprob_bits"))
        last = n == len(trie.levels) - 1
        widths = token_bits if n > 1 else 1, number_bits, 1 if last else int(level["backoff_bits"])
        limits = _MAX_TOKEN_BITS, _RAW_BITS, _RAW_BITS
        if not all(1 <= width <= limit for width, limit in zip(widths, limits, strict=True)) or (n == 1 and token_bits):
            raise _damaged(f"order {n}: fields of {token_bits}, {number_bits} and {level['backoff_bits']} bits")
        if not 0 <= size < 2**31 or level["records"] != 8 * begin:
            raise _damaged(f"order {n}: records out of place")
        begin += (size * (token_bits + number_bits) + 7) // 8
        if not last:
            if level["blocks"] != begin:
                raise _damaged(f"order {n}: blocks out of place")
            begin += -(-size // BLOCK_CONTEXTS) * (BLOCK_HEADER_BYTES + 2 * int(level["backoff_bits"]))
    if len(trie.data) != begin + PADDING_BYTES:
        raise _damaged(f"{len(trie.data)} bytes instead of {begin + PADDING_BYTES}")


def _check_codebook(trie: Trie, n: int, column: str, begin: int) -> int:
    """Where the next book begins, given that this column's would begin at `begin`."""
    level = trie.levels[n]
    book, width = int(level[f"{column}_book"]), int(level[f"{column}_bits"])
    if book == NO_CODEBOOK and width == _RAW_BITS:
        return begin
    end: int = begin + largest_code(trie, n, column == "logprob") + 1
    numbers = trie.books[begin:end]
    if book != begin or width > _MAX_CODE_BITS or len(numbers) != end - begin:
        raise _damaged(f"order {n}: the book of {column} is out of place")
    if not np.all(numbers <= 0 if column == "logprob" else numbers < np.inf):
        raise _damaged(f"order {n}: a {column} is not a number, or too large")
    return end


@compiled
def largest_code(trie: Trie, n: Int, of_records: bool) -> Int:
    """The largest field of the log-probabilities or else the back-off weights of order n, which has a book of them."""
    level = trie.levels[n]
    largest: Int = np.int64(-1)
    for i in range(level.size):
        if of_records:
            at = level.records + i * (level.token_bits + level.logprob_bits) + level.token_bits
            largest = max(largest, read_bits(trie.data, at, level.logprob_bits))
        else:
            at = (level.blocks + (i >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits) + BLOCK_HEADER_BYTES) << 3
            largest = max(largest, read_bits(trie.data, at + (i & 15) * level.backoff_bits, level.backoff_bits))
    return largest


@compiled
def are_records_valid(trie: Trie, n: Int, size: Int) -> bool:
    """Whether all words of order n are in the vocabulary and all numbers that stand there themselves are at most 0."""
    level = trie.levels[n]
    for i in range(level.size):
        if token(trie, n, i) >= size or (level.logprob_book == NO_CODEBOOK and not logprob(trie, n, i) <= 0):
            return False
    return True


@inlined
def is_rising(trie: Trie, n: Int, begin: Int, length: Int) -> bool:
    """Whether the last words of a run of n-grams of order n are in sequence."""
    i = begin + 1
    while i < begin + length and token(trie, n, i) > token(trie, n, i - 1):
        i += 1
    return bool(i >= begin + length)


@compiled
def check_blocks(trie: Trie, n: Int, place: Int) -> Int:
    """The place in `wide` after those of order n, given that of the first; -1 where something is wrong.

    Runs must follow each other without a gap up to the end of the next order, the words in each must rise, and
    weights that stand there themselves must not be infinite.
    """
    level, above = trie.levels[n], trie.levels[n + 1]
    expected: Int = np.int64(0)
    for i in range(level.size):
        if i & 15 == 0:
            first = read_bits(
                trie.data, (level.blocks + (i >> 4) * (BLOCK_HEADER_BYTES + 2 * level.backoff_bits)) << 3, 32
            )
            if first >> 31:
                if first & 0x7FFFFFFF != place or place + BLOCK_CONTEXTS >= len(trie.wide):
                    return np.int64(-1)
                place += BLOCK_CONTEXTS + 1
        begin, length = child_range(trie, n, i)
        if begin != expected or length < 0 or begin + length > above.size or not is_rising(trie, n + 1, begin, length):
            return np.int64(-1)
        if level.backoff_book == NO_CODEBOOK and not backoff(trie, n, i) < np.inf:
            return np.int64(-1)
        expected += length
    return place if expected == above.size else np.int64(-1)


def _damaged(what: str) -> CheckpointDamaged:
    return CheckpointDamaged(f"n-gram table: {what}")


@dataclass(frozen=True, eq=False)
class BackoffTable:
    """The n-grams of all orders up to N as one trie; see `layout` for its parts."""

    trie: Trie
    details: dict[str, Any] = field(default_factory=dict)
    """What the estimation found, JSON-ready."""

    @property
    def order(self) -> int:
        """The length N of the longest n-grams."""
        return len(self.trie.levels) - 1

    @property
    def vocabulary_size(self) -> int:
        """How many words there are; each is a unigram."""
        return self.order_sizes[0]

    @property
    def order_sizes(self) -> list[int]:
        """How many n-grams each order has, unigrams first."""
        sizes: list[int] = self.trie.levels["size"][1:].tolist()
        return sizes

    def unpack_orders(self) -> list[UnpackedOrder]:
        """All n-grams by order, unigrams first, as arrays."""
        return [unpack(self.trie, n) for n in range(1, self.order + 1)]

    def ngram_ids(self, n: int, place: int) -> list[int]:
        """The token ids of the n-gram at `place` of order n."""
        ids: list[int] = []
        for m in range(n, 1, -1):
            ids.append(int(token(self.trie, m, place)))
            place = int(find_parent(self.trie, m, place))
        return [place, *ids[::-1]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name, as it is stored."""
        levels = self.trie.levels.view(np.int64).reshape(len(self.trie.levels), len(LEVEL_FIELDS))
        return {**self.trie._asdict(), "levels": levels}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], order: int, vocabulary_size: int, facts: dict[str, Any]
    ) -> BackoffTable:
        """The inverse of `arrays`, without a copy of what is large.

        Raises CheckpointDamaged for anything that the loops of `trie` would trip over: a wrong name, shape or dtype,
        a run out of its place, words out of sequence, a number that is no log-probability.
        """
        if sorted(arrays) != sorted(Trie._fields):
            raise CheckpointDamaged(f"n-gram table: arrays {sorted(arrays)} instead of {sorted(Trie._fields)}")
        levels = arrays["levels"]
        if levels.dtype != np.int64 or levels.ndim != 2 or levels.shape[1] != len(LEVEL_FIELDS):
            raise CheckpointDamaged(f"n-gram table: levels has shape {levels.shape} and dtype {levels.dtype}")
        trie = Trie(**{**arrays, "levels": levels.copy().view(LEVEL_DTYPE)[:, 0]})
        check_trie(trie, order, vocabulary_size)
        return cls(trie, facts)
