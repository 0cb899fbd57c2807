"""The positions of a text in the order of the words that follow, from which the n-grams of all orders fall out.

It knows ids, lines that end in `</s>`, and sorting; it does not know what is counted. The loops run without the
interpreter's lock, each on a range of its own, so that several threads can share the work. Nothing checks bounds.

Two passes of counting sort order the positions by their first two words, in time that grows linearly; runs of the
same two words are then sorted by as many of the next words as one 64-bit number holds, and so on.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from models.kernels.jit import Int, compiled, inlined, prefetch
from models.special_tokens import EOS
from models.utils.arrays import ByteArray, Int64Array, IntArray, Ranges


class SuffixArray(NamedTuple):
    """The positions [T] of a text in suffix order. Each begins a line's rest, of N words at the most."""

    positions: IntArray
    lcp: ByteArray
    """[T] how many words each rest has in common with the one before it."""
    lengths: ByteArray
    """[T] how many words it has, `</s>` included; one at its beginning begins a line."""

    def part(self, begin: int, end: int) -> SuffixArray:
        """Those from `begin` to `end`, sharing memory."""
        return SuffixArray(self.positions[begin:end], self.lcp[begin:end], self.lengths[begin:end])


_SIGN_BIT = -(2**63)
_INSERTION_SORT_MAX = 24
"""Runs up to this long are sorted by insertion."""
_PREFETCH_DISTANCE = 16
"""So many positions ahead is soon enough to ask for what is there."""


def build_suffix_array(text: IntArray, occurrences: IntArray, order: int, cuts: Ranges, pool: Executor) -> SuffixArray:
    """Sort the positions of `text` [T] by the `order` words from there on, as far as their line goes.

    `occurrences` [V] of the words of `text`; `cuts` are ranges of the result at whose ends the first word changes,
    worked on side by side.
    """
    positions, spare = np.empty_like(text), np.empty_like(text)
    following = occurrences.copy()
    following[text[0]] -= 1  # it comes after nothing
    sort_by_second_word(text, 1 + np.cumsum(following) - following, spare)
    sort_by_first_word(text, spare, np.cumsum(occurrences) - occurrences, positions)
    same, lengths = np.zeros(len(text), np.uint8), np.ones(len(text), np.uint8)
    bits, longest = len(occurrences).bit_length(), int(occurrences.max())

    def sort(cut: tuple[int, int]) -> None:
        part, keys = slice(*cut), np.empty((2, longest), np.int64)
        sort_equal_runs(text, positions[part], order, bits, same[part], lengths[part], keys, spare[part])

    list(pool.map(sort, cuts))
    return SuffixArray(positions, same, lengths)


@compiled
def count_tokens(text: IntArray, out: IntArray) -> None:
    """Add to `out` [V] how often each word occurs."""
    for word in text:
        out[word] += 1


@compiled
def sort_by_second_word(text: IntArray, ends: IntArray, out: IntArray) -> None:
    """Write all positions of `text`, sorted by the word after them; `ends` [V] is where each word's place begins.

    The last position has nothing after it and comes first, as if `<unk>` came there: `ends` must have the room.
    """
    out[0] = len(text) - 1
    for p in range(len(text) - 1):
        word = text[p + 1]
        out[ends[word]] = p
        ends[word] += 1


@compiled
def sort_by_first_word(text: IntArray, positions: IntArray, ends: IntArray, out: IntArray) -> None:
    """Write `positions`, sorted by the word at them, in the order they have within it."""
    for i in range(len(positions)):
        prefetch_at(text, positions, i)
        p = positions[i]
        word = text[p]
        out[ends[word]] = p
        ends[word] += 1


@compiled
def sort_equal_runs(
    text: IntArray,
    positions: IntArray,
    order: Int,
    bits: Int,
    same: ByteArray,
    lengths: ByteArray,
    keys: Int64Array,
    spare: IntArray,
) -> None:
    """Sort `positions` [S], sorted by two words, by `order` words, as far as their line goes; see `SuffixArray`.

    A word takes `bits` bits of a key. `keys` [2, how often any word occurs] and `spare` [S] are room to work in.
    """
    for i in range(1, len(positions)):
        prefetch_at(text, positions, i)
        same[i] = text[positions[i]] == text[positions[i - 1]]
    done: Int = np.int64(1)
    while done < order:
        words = min(64 // bits, order - done)
        begin: Int = np.int64(0)
        while begin < len(positions):
            end = begin + 1
            while end < len(positions) and same[end] == done:
                end += 1
            for i in range(begin, end):
                prefetch_at(text, positions, i)
                keys[0, i - begin] = (
                    pack_key(text, positions[i], done, words, bits) if lengths[i] == done else _SIGN_BIT
                )
            sort_subruns(keys, positions[begin:end], spare[begin:end], bits * (words - 1) if done == 1 else 0)
            for i in range(begin, end):
                lengths[i] += common_words(keys[0, i - begin], keys[0, i - begin], words, bits)
                same[i] += common_words(keys[0, i - begin], keys[0, i - begin - 1], words, bits) if i > begin else 0
            begin = end
        done += words


@inlined
def prefetch_at(array: IntArray, positions: IntArray, i: Int) -> None:
    """Ask for what stands in `array` at one of the next positions: they are all over it."""
    soon = min(i + _PREFETCH_DISTANCE, len(positions) - 1)
    prefetch(array.ctypes.data + positions[soon] * array.strides[0])


@compiled
def pack_key(text: IntArray, p: Int, skip: Int, words: Int, bits: Int) -> Int:
    """The `words` words after the first `skip` at `p`, all of a line, as one number: ids from 1, 0 after its end.

    The highest of 64 bits is turned over, so that numbers with a sign compare as if they had none.
    """
    number: Int = np.int64(0)
    going = skip == 1 or text[p + skip - 1] != EOS
    for n in range(p + skip, p + skip + words):
        going = going and n < len(text)
        number = number << bits | (np.int64(text[n]) + 1 if going else 0)
        going = going and text[n] != EOS
    return number ^ _SIGN_BIT


@compiled
def common_words(a: Int, b: Int, words: Int, bits: Int) -> Int:
    """How many words two keys have in common, from the first on; zeros are no words."""
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
    """Sort `positions` by key; from the bit `sorted_above` up they are sorted, 0 for not at all."""
    first: Int = np.int64(0)
    for i in range(1, len(positions) + 1):
        if i == len(positions) or (sorted_above and (keys[0, i] ^ keys[0, i - 1]) >> sorted_above != 0):
            sort_pairs(keys, positions, spare, first, i)
            first = i


@compiled
def sort_pairs(keys: Int64Array, positions: IntArray, spare: IntArray, begin: Int, end: Int) -> None:
    """Sort keys and positions from `begin` to `end` together: by insertion in short runs, which are then merged."""
    for first in range(begin, end, _INSERTION_SORT_MAX):
        for i in range(first + 1, min(first + _INSERTION_SORT_MAX, end)):
            number, p = keys[0, i], positions[i]
            j = i
            while j > first and keys[0, j - 1] > number:
                keys[0, j], positions[j] = keys[0, j - 1], positions[j - 1]
                j -= 1
            keys[0, j], positions[j] = number, p
    width: Int = np.int64(_INSERTION_SORT_MAX)
    while width < end - begin:
        for first in range(begin, end - width, 2 * width):
            merge_neighbours(keys, positions, spare, first, first + width, min(first + 2 * width, end))
        width *= 2


@compiled
def merge_neighbours(keys: Int64Array, positions: IntArray, spare: IntArray, begin: Int, middle: Int, end: Int) -> None:
    """Merge two sorted neighbours; what was equal stays in its order."""
    for i in range(begin, middle):
        keys[1, i], spare[i] = keys[0, i], positions[i]
    left, right, at = begin, middle, begin
    while left < middle:
        if right < end and keys[0, right] < keys[1, left]:
            keys[0, at], positions[at] = keys[0, right], positions[right]
            right += 1
        else:
            keys[0, at], positions[at] = keys[1, left], spare[left]
            left += 1
        at += 1
