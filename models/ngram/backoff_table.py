"""BackoffTable: the one form that every n-gram smoothing compiles to, and the check of a stored one.

It has a log-probability for each n-gram and a log back-off weight for each context, packed in a `Trie`. The compiled
queries check no bounds, so a table that comes from a file is checked as a whole before it is used (`check_trie`).
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
    backoff_code,
    block_byte,
    child_range,
    find_parent,
    logprob,
    place_pieces,
    read_bits,
    record_bit,
    token,
)
from models.ngram.trie_builder import UnpackedOrder, unpack
from models.ngram.weight_check import find_unsound_weight
from models.utils.arrays import Int64Array

_STORED_NAMES = {"levels": "levels", "data": "data", "codebooks": "books", "overflow_offsets": "wide"}
"""Names of the arrays of a `Trie` in a checkpoint."""
_DTYPES = (LEVEL_DTYPE, np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.int32))
_MAX_TOKEN_BITS, _MAX_CODE_BITS, _FLOAT_BITS = 25, 16, 32


@dataclass(frozen=True, eq=False)
class BackoffTable:
    """The n-grams of all orders up to N, with their log-probabilities and back-off weights, as one trie."""

    trie: Trie
    details: dict[str, Any] = field(default_factory=dict)
    """Results of the estimation that cards show, JSON-ready: discounts, weights, orders that took a fallback."""

    @property
    def order(self) -> int:
        """The length N of the longest n-grams."""
        return len(self.trie.levels) - 1

    @property
    def vocabulary_size(self) -> int:
        """Number of words V; each is a unigram."""
        return self.order_sizes[0]

    @property
    def order_sizes(self) -> list[int]:
        """Number of n-grams of each order, unigrams first."""
        sizes: list[int] = self.trie.levels["size"][1:].tolist()
        return sizes

    def unpack_orders(self) -> list[UnpackedOrder]:
        """Return all n-grams by order, unigrams first, as plain arrays."""
        return [unpack(self.trie, n) for n in range(1, self.order + 1)]

    def ngram_ids(self, n: int, place: int) -> list[int]:
        """Return the token ids of the n-gram of order n at `place`."""
        reversed_ids: list[int] = []
        for m in range(n, 1, -1):
            reversed_ids.append(int(token(self.trie, m, place)))
            place = int(find_parent(self.trie, m, place))
        return [place, *reversed_ids[::-1]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the table under their names in a checkpoint."""
        levels = self.trie.levels.view(np.int64).reshape(len(self.trie.levels), len(LEVEL_FIELDS))
        arrays = {**self.trie._asdict(), "levels": levels}
        return {stored: arrays[name] for name, stored in _STORED_NAMES.items()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], order: int, vocabulary_size: int, details: dict[str, Any]
    ) -> BackoffTable:
        """Build the table from what `arrays` returned; what is large is not copied.

        Raises CheckpointDamaged for anything on which a query could fail: a wrong name, shape or dtype, child ranges
        that do not follow each other, words out of sequence, a number that is no log-probability.
        """
        if sorted(arrays) != sorted(_STORED_NAMES.values()):
            raise _damaged(f"arrays {sorted(arrays)} instead of {sorted(_STORED_NAMES.values())}")
        levels = arrays["levels"]
        if levels.dtype != np.int64 or levels.ndim != 2 or levels.shape[1] != len(LEVEL_FIELDS):
            raise _damaged(f"levels has shape {levels.shape} and dtype {levels.dtype}")
        fields = {name: arrays[stored] for name, stored in _STORED_NAMES.items()}
        trie = Trie(**{**fields, "levels": levels.copy().view(LEVEL_DTYPE)[:, 0]})
        check_trie(trie, order, vocabulary_size)
        unsound = find_unsound_weight(trie, normalized=bool(details.get("normalized", True)))
        if unsound is not None:
            raise _damaged(f"order {unsound[0]}: a back-off weight leads to a probability above one")
        return cls(trie, details)


def check_trie(trie: Trie, order: int, vocabulary_size: int) -> None:
    """Raise CheckpointDamaged unless `trie` is sound in all parts and of that order and vocabulary size."""
    _check_arrays(trie, order, vocabulary_size)
    _check_positions(trie)
    codebook, overflow = 1, 1  # where the next codebook and the next overflowing block must begin
    for n in range(1, order + 1):
        if not all(are_records_valid(trie, n, *piece, vocabulary_size) for piece in place_pieces(trie, n)):
            raise _damaged(f"order {n}: a last word is none, or a log-probability")
        codebook = _check_codebook(trie, n, "logprob", codebook)
        if n < order:
            overflow = _check_blocks(trie, n, overflow)
            codebook = _check_codebook(trie, n, "backoff", codebook)
    if codebook != len(trie.codebooks) or overflow != len(trie.overflow_offsets):
        raise _damaged("something is left over")


def _check_arrays(trie: Trie, order: int, vocabulary_size: int) -> None:
    for name, array, dtype in zip(_STORED_NAMES.values(), trie, _DTYPES, strict=True):
        if array.dtype != dtype or array.ndim != 1:
            raise _damaged(f"{name} has shape {array.shape} and dtype {array.dtype}")
    if len(trie.levels) != order + 1:
        raise _damaged(f"{len(trie.levels) - 1} orders instead of {order}")
    if trie.levels[1]["size"] != vocabulary_size:
        raise _damaged(f"not for {vocabulary_size} words")


def _check_positions(trie: Trie) -> None:
    """Check that fields have allowed widths and that records and blocks follow each other and fill `data`."""
    end = 0
    for n, level in enumerate(trie.levels[1:], start=1):
        size, token_bits, logprob_bits = (int(level[name]) for name in ("size", "token_bits", "logprob_bits"))
        highest = n == len(trie.levels) - 1
        widths = token_bits if n > 1 else 1, logprob_bits, 1 if highest else int(level["backoff_bits"])
        limits = _MAX_TOKEN_BITS, _FLOAT_BITS, _FLOAT_BITS
        if not all(1 <= width <= limit for width, limit in zip(widths, limits, strict=True)) or (n == 1 and token_bits):
            raise _damaged(f"order {n}: fields of {token_bits}, {logprob_bits} and {level['backoff_bits']} bits")
        if not 0 <= size < 2**31 or level["first_record_bit"] != 8 * end:
            raise _damaged(f"order {n}: records out of place")
        end += (size * (token_bits + logprob_bits) + 7) // 8
        if not highest:
            if level["first_block_byte"] != end:
                raise _damaged(f"order {n}: blocks out of place")
            end += -(-size // BLOCK_CONTEXTS) * (BLOCK_HEADER_BYTES + 2 * int(level["backoff_bits"]))
    if len(trie.data) != end + PADDING_BYTES:
        raise _damaged(f"{len(trie.data)} bytes instead of {end + PADDING_BYTES}")


def _check_codebook(trie: Trie, n: int, column: str, begin: int) -> int:
    """Check the codebook of a column, which must begin at `begin`; return where the next one must begin."""
    level = trie.levels[n]
    codebook, width = int(level[f"{column}_codebook"]), int(level[f"{column}_bits"])
    if codebook == NO_CODEBOOK and width == _FLOAT_BITS:
        return begin
    end = begin + max(
        (int(largest_code(trie, n, *piece, column == "logprob")) for piece in place_pieces(trie, n)), default=-1
    )
    end += 1
    numbers = trie.codebooks[begin:end]
    if codebook != begin or width > _MAX_CODE_BITS or len(numbers) != end - begin:
        raise _damaged(f"order {n}: the codebook of {column} is out of place")
    if not np.all(numbers <= 0 if column == "logprob" else numbers < np.inf):
        raise _damaged(f"order {n}: a {column} is not a number, or too large")
    return end


@compiled
def largest_code(trie: Trie, n: Int, begin: Int, end: Int, of_logprobs: bool) -> Int:
    """Return the largest code of some log-probabilities, or else back-off weights, of order n."""
    level = trie.levels[n]
    largest: Int = np.int64(-1)
    for place in range(begin, end):
        if of_logprobs:
            first = record_bit(trie, n, place) + level.token_bits
            largest = max(largest, read_bits(trie.data, first, level.logprob_bits))
        else:
            largest = max(largest, backoff_code(trie, n, place))
    return largest


@compiled
def are_records_valid(trie: Trie, n: Int, begin: Int, end: Int, vocabulary_size: Int) -> bool:
    """Return whether some words and log-probabilities of order n are allowed; codes: `_check_codebook`."""
    level = trie.levels[n]
    for place in range(begin, end):
        if token(trie, n, place) >= vocabulary_size:
            return False
        if level.logprob_codebook == NO_CODEBOOK and not logprob(trie, n, place) <= 0:
            return False
    return True


@inlined
def is_rising(trie: Trie, n: Int, begin: Int, size: Int) -> bool:
    """Return whether the last words of `size` n-grams from place `begin` on are strictly ascending."""
    place = begin + 1
    while place < begin + size and token(trie, n, place) > token(trie, n, place - 1):
        place += 1
    return bool(place >= begin + size)


def _check_blocks(trie: Trie, n: int, overflow: int) -> int:
    """Check the blocks of order n; return where the next order's overflow must begin.

    Child ranges must follow each other without a gap up to the end of the next order.
    """
    reached = np.array([0, overflow])
    sound = all(check_blocks(trie, n, *piece, reached) for piece in place_pieces(trie, n))
    if not sound or reached[0] != trie.levels[n + 1]["size"]:
        raise _damaged(f"order {n}: contexts do not list the n-grams of the next order one after the other")
    return int(reached[1])


@compiled
def check_blocks(trie: Trie, n: Int, begin: Int, end: Int, reached: Int64Array) -> bool:
    """Return whether the blocks of some places of order n are sound; advance `reached`.

    The first place is that of a block.
    `reached` are the place where the next child range must begin, and where the next overflow must, in
    `overflow_offsets`. The words in each range must ascend, and weights without a codebook must not be infinite.
    """
    level, above = trie.levels[n], trie.levels[n + 1]
    expected, overflow = reached[0], reached[1]
    for place in range(begin, end):
        if place & 15 == 0:
            first = read_bits(trie.data, block_byte(trie, n, place) << 3, 32)
            if first >> 31:
                if first & 0x7FFFFFFF != overflow or overflow + BLOCK_CONTEXTS >= len(trie.overflow_offsets):
                    return False
                overflow += BLOCK_CONTEXTS + 1
        child, size = child_range(trie, n, place)
        if child != expected or size < 0 or child + size > above.size or not is_rising(trie, n + 1, child, size):
            return False
        if level.backoff_codebook == NO_CODEBOOK and not backoff(trie, n, place) < np.inf:
            return False
        expected += size
    reached[0], reached[1] = expected, overflow
    return True


def _damaged(reason: str) -> CheckpointDamaged:
    return CheckpointDamaged(f"n-gram table: {reason}")
