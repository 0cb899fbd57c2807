"""Suffix array of a text of token ids: its positions sorted by the words from there on.

Only words of the same line and at most N of them are compared. N-grams of all orders are read off it (`extraction`).
Two passes of counting sort order the positions by their first two words, in linear time; positions that share them are
then sorted by as many of the next words as one 64-bit key holds, and so on. The compiled loops hold no GIL and work on
ranges of their own, so that threads share the work. They check no bounds.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from models.kernels.jit import Int, compiled, inlined, prefetch
from models.special_tokens import EOS
from models.utils.arrays import ByteArray, Int64Array, IntArray, Ranges


class SuffixArray(NamedTuple):
    """Positions [T] of a text in suffix order; a suffix ends with its line, or after N words."""

    positions: IntArray
    lcp: ByteArray
    """[T] number of words that each suffix has in common with the one before it (longest common prefix)."""
    lengths: ByteArray
    """[T] number of words of each suffix, `</s>` included; one that is its first word begins a line."""

    def part(self, begin: int, end: int) -> SuffixArray:
        """Return the entries from `begin` to `end`, sharing memory."""
        return SuffixArray(self.positions[begin:end], self.lcp[begin:end], self.lengths[begin:end])


_SIGN_BIT = -(2**63)
_INSERTION_SORT_MAX = 24
"""Longest run of keys that is sorted by insertion; longer ones are merged from runs of this length."""
_PREFETCH_DISTANCE = 16
"""Positions between the one that is read and the one that is prefetched.

Without prefetching, counting the 930,000 tokens of ptb to order 5 takes 250 ms of one thread instead of 142."""


def build_suffix_array(
    text: IntArray, occurrences: IntArray, order: int, ranges: Ranges, pool: Executor
) -> SuffixArray:
    """Sort the positions of `text` [T] by the `order` words from there on, as far as their line goes.

    `occurrences` [V] counts each word of `text`; `ranges` of the result, at whose ends the first word changes, are
    sorted side by side on `pool`.
    """
    positions, spare = np.empty_like(text), np.empty_like(text)
    following = occurrences.copy()
    following[text[0]] -= 1  # it follows no other position
    sort_by_second_word(text, 1 + np.cumsum(following) - following, spare)
    sort_by_first_word(text, spare, np.cumsum(occurrences) - occurrences, positions)
    lcp, lengths = np.zeros(len(text), np.uint8), np.ones(len(text), np.uint8)
    bits, longest = len(occurrences).bit_length(), int(occurrences.max())

    def sort(bounds: tuple[int, int]) -> None:
        part, keys = slice(*bounds), np.empty((2, longest), np.int64)
        sort_equal_runs(text, positions[part], order, bits, lcp[part], lengths[part], keys, spare[part])

    list(pool.map(sort, ranges))
    return SuffixArray(positions, lcp, lengths)


@compiled
def count_unigrams(text: IntArray, out: IntArray) -> None:
    """Add the number of occurrences of each word to `out` [V]."""
    for word in text:
        out[word] += 1


@compiled
def sort_by_second_word(text: IntArray, begins: IntArray, out: IntArray) -> None:
    """Write all positions of `text` [T], sorted by the word after them.

    `begins` [V] is where the positions before each word are written.
    The last position has no word after it and comes first, as if it were `<unk>`: `begins` must leave it the room.
    """
    out[0] = len(text) - 1
    for position in range(len(text) - 1):
        word = text[position + 1]
        out[begins[word]] = position
        begins[word] += 1


@compiled
def sort_by_first_word(text: IntArray, positions: IntArray, begins: IntArray, out: IntArray) -> None:
    """Write `positions`, sorted by the word at them; positions of one word keep their order."""
    for i in range(len(positions)):
        prefetch_at(text, positions, i)
        position = positions[i]
        word = text[position]
        out[begins[word]] = position
        begins[word] += 1


@compiled
def sort_equal_runs(
    text: IntArray,
    positions: IntArray,
    order: Int,
    bits: Int,
    lcp: ByteArray,
    lengths: ByteArray,
    keys: Int64Array,
    spare: IntArray,
) -> None:
    """Sort `positions` [S], which are sorted by two words, by `order` words; write `lcp` and `lengths`.

    A word takes `bits` bits of a key. `keys` [2, most occurrences of a word] and `spare` [S] are working memory.
    """
    for i in range(1, len(positions)):
        prefetch_at(text, positions, i)
        lcp[i] = text[positions[i]] == text[positions[i - 1]]
    sorted_words: Int = np.int64(1)
    while sorted_words < order:
        words = min(64 // bits, order - sorted_words)
        begin: Int = np.int64(0)
        while begin < len(positions):
            end = begin + 1
            while end < len(positions) and lcp[end] == sorted_words:
                end += 1
            for i in range(begin, end):
                prefetch_at(text, positions, i)
                ended = lengths[i] != sorted_words
                keys[0, i - begin] = _SIGN_BIT if ended else pack_key(text, positions[i], sorted_words, words, bits)
            sorted_above = bits * (words - 1) if sorted_words == 1 else 0
            sort_subruns(keys, positions[begin:end], spare[begin:end], sorted_above)
            for i in range(begin, end):
                lengths[i] += common_words(keys[0, i - begin], keys[0, i - begin], words, bits)
                lcp[i] += common_words(keys[0, i - begin], keys[0, i - begin - 1], words, bits) if i > begin else 0
            begin = end
        sorted_words += words


@inlined
def prefetch_at(array: IntArray, positions: IntArray, i: Int) -> None:
    """Load the row of `array` at one of the next positions into the cache; they are scattered all over it."""
    ahead = min(i + _PREFETCH_DISTANCE, len(positions) - 1)
    prefetch(array.ctypes.data + positions[ahead] * array.strides[0])


@compiled
def pack_key(text: IntArray, position: Int, skip: Int, words: Int, bits: Int) -> Int:
    """Pack `words` words after the first `skip` at `position` into a number: ids + 1, 0 after a line.

    The highest of the 64 bits is flipped, so that signed numbers compare as unsigned ones would.
    """
    key: Int = np.int64(0)
    inside_line = skip == 1 or text[position + skip - 1] != EOS
    for p in range(position + skip, position + skip + words):
        inside_line = inside_line and p < len(text)
        key = key << bits | (np.int64(text[p]) + 1 if inside_line else 0)
        inside_line = inside_line and text[p] != EOS
    return key ^ _SIGN_BIT


@compiled
def common_words(a: Int, b: Int, words: Int, bits: Int) -> Int:
    """Return how many words two keys have in common, from the first on; zeros are no words."""
    a, b = a ^ _SIGN_BIT, b ^ _SIGN_BIT
    mask, n = (np.int64(1) << bits) - 1, np.int64(0)
    while n < words:
        shift = bits * (words - 1 - n)
        word = (a >> shift) & mask
        if word == 0 or word != (b >> shift) & mask:
            break
        n += 1
    return n


@compiled
def sort_subruns(keys: Int64Array, positions: IntArray, spare: IntArray, sorted_above: Int) -> None:
    """Sort `positions` by key; from bit `sorted_above` up they are sorted already, 0 for not at all."""
    begin: Int = np.int64(0)
    for i in range(1, len(positions) + 1):
        if i == len(positions) or (sorted_above and (keys[0, i] ^ keys[0, i - 1]) >> sorted_above != 0):
            sort_pairs(keys, positions, spare, begin, i)
            begin = i


@compiled
def sort_pairs(keys: Int64Array, positions: IntArray, spare: IntArray, begin: Int, end: Int) -> None:
    """Sort keys and positions from `begin` to `end` stably, by insertion and merging."""
    for first in range(begin, end, _INSERTION_SORT_MAX):
        for i in range(first + 1, min(first + _INSERTION_SORT_MAX, end)):
            key, position = keys[0, i], positions[i]
            j = i
            while j > first and keys[0, j - 1] > key:
                keys[0, j], positions[j] = keys[0, j - 1], positions[j - 1]
                j -= 1
            keys[0, j], positions[j] = key, position
    width: Int = np.int64(_INSERTION_SORT_MAX)
    while width < end - begin:
        for first in range(begin, end - width, 2 * width):
            merge_neighbours(keys, positions, spare, first, first + width, min(first + 2 * width, end))
        width *= 2


@compiled
def merge_neighbours(keys: Int64Array, positions: IntArray, spare: IntArray, begin: Int, middle: Int, end: Int) -> None:
    """Merge two sorted runs side by side, stably; `spare` and row 1 of `keys` hold the left one meanwhile."""
    for i in range(begin, middle):
        keys[1, i], spare[i] = keys[0, i], positions[i]
    left, right, out = begin, middle, begin
    while left < middle:
        if right < end and keys[0, right] < keys[1, left]:
            keys[0, out], positions[out] = keys[0, right], positions[right]
            right += 1
        else:
            keys[0, out], positions[out] = keys[1, left], spare[left]
            left += 1
        out += 1
