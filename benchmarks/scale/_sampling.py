"""Compiled loops of `text`: words drawn from the n-grams of a model, invented, and written as bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.kernels.hashing import GOLDEN_RATIO
from models.kernels.jit import Int, compiled, inlined
from models.kernels.wrapping import wrapping_add, wrapping_multiply
from models.ngram.backoff_table import BackoffTable
from models.special_tokens import EOS, UNK
from models.utils.arrays import ByteArray, Float64Array, Int32Array, Int64Array

CONCENTRATION = 10_000.0
"""Concentration of the process of Pitman and Yor: more of it invents more words at the start."""
HEAPS_EXPONENT = 0.75
"""Its discount: invented words grow with the tokens to this power."""
_MOST_DRAWS = 1000
"""Draws of an occurrence after which any is taken; each is accepted with a probability of a quarter or more."""
_ORDER = 3
_BLANK, _NEWLINE = 32, 10


class Grams(NamedTuple):
    """The n-grams of orders 1 to 3 of a model, laid out to be sampled."""

    offsets: Int64Array
    """[4, contexts + 1] where the words after each context begin; of orders 1 to 3, row 0 unused."""
    words: Int32Array
    """[3, n-grams] last words."""
    cumulative: Float64Array
    """[3, n-grams] probability of a word or one before it, after the same context."""


class Spellings(NamedTuple):
    """Words of the model as bytes, and the letters of invented ones."""

    data: ByteArray
    ends: Int64Array
    """[V] where each word ends in `data`."""
    consonants: ByteArray
    vowels: ByteArray


class Invented(NamedTuple):
    """State of the Pitman-Yor process, and of the generator."""

    said: Int32Array
    """[most] the invented words so far, one a time they occurred."""
    occurrences: Int32Array
    """[most] how often each occurred."""
    sizes: Int64Array
    """[5] times, different words, state of the random numbers, the last two words."""


def sampled_grams(table: BackoffTable) -> Grams:
    """Lay out the n-grams of a table; orders that it lacks are empty."""
    orders = table.unpack_orders()[:_ORDER]
    most = max(len(order.token) for order in orders)
    shape = _ORDER, most
    grams = Grams(np.zeros((_ORDER + 1, most + 1), np.int64), np.zeros(shape, np.int32), np.zeros(shape))
    offsets = np.array([0, len(orders[0].token)])
    for n, order in enumerate(orders):
        size = len(order.token)
        p = np.exp(order.logprob.astype(np.float64))
        sums = np.concatenate([[0.0], np.cumsum(p)])
        grams.offsets[n + 1, : len(offsets)] = offsets
        grams.offsets[n + 1, len(offsets) :] = offsets[-1]
        grams.words[n, :size] = order.token
        grams.cumulative[n, :size] = sums[1:] - np.repeat(sums[offsets[:-1]], np.diff(offsets))
        offsets = order.child_offsets
    return grams


@compiled
def uniform(sizes: Int64Array) -> float:
    """Return a random number from 0 to 1, by SplitMix64 (Steele, Lea and Flood 2014)."""
    sizes[2] = bits = wrapping_add(sizes[2], GOLDEN_RATIO)
    bits = wrapping_multiply(bits ^ (bits >> 30) & 0x3FFFFFFFF, -0x40A7B892E31B1A47)
    bits = wrapping_multiply(bits ^ (bits >> 27) & 0x1FFFFFFFFF, -0x6B2FB644ECCEEE15)
    bits = bits ^ (bits >> 31) & 0x1FFFFFFFF
    return ((bits >> 11) & 0x1FFFFFFFFFFFFF) / 9007199254740992.0


@inlined
def find_word(grams: Grams, n: Int, context: Int, word: Int) -> Int:
    """Return the row of a word after a context of n - 1 words, or -1."""
    low, high = grams.offsets[n, context], grams.offsets[n, context + 1]
    while low < high:
        middle = (low + high) >> 1
        if grams.words[n - 1, middle] < word:
            low = middle + 1
        else:
            high = middle
    found = low < grams.offsets[n, context + 1] and grams.words[n - 1, low] == word
    return low if found else np.int64(-1)


@inlined
def draw_row(grams: Grams, n: Int, context: Int, share: float) -> Int:
    """Return the row of the word at a share of the probability after a context, -1 beyond the listed ones."""
    low, high = grams.offsets[n, context], grams.offsets[n, context + 1]
    while low < high:
        middle = (low + high) >> 1
        if grams.cumulative[n - 1, middle] <= share:
            low = middle + 1
        else:
            high = middle
    return low if low < grams.offsets[n, context + 1] else np.int64(-1)


@inlined
def draw_word(grams: Grams, before: Int, last: Int, sizes: Int64Array) -> Int:
    """Draw the word after two others; one that a context lists may come of a shorter context as well."""
    context = find_word(grams, np.int64(2), before, last)
    if context >= 0:
        row = draw_row(grams, np.int64(3), context, uniform(sizes))
        if row >= 0:
            return np.int64(grams.words[2, row])
    row = draw_row(grams, np.int64(2), last, uniform(sizes))
    if row >= 0:
        return np.int64(grams.words[1, row])
    row = draw_row(grams, np.int64(1), np.int64(0), uniform(sizes))
    return np.int64(grams.words[0, max(row, 0)])


@compiled
def invent(invented: Invented, concentration: float, exponent: float) -> Int:
    """Draw an invented word: a new one, or one said before."""
    said, occurrences, sizes = invented.said, invented.occurrences, invented.sizes
    times, different = sizes[0], sizes[1]
    word = different
    if uniform(sizes) * (concentration + times) >= concentration + exponent * different:
        for _ in range(_MOST_DRAWS):
            word = np.int64(said[np.int64(uniform(sizes) * times)])
            if uniform(sizes) * occurrences[word] >= exponent:
                break
    sizes[1] += word == different
    said[times], sizes[0] = word, times + 1
    occurrences[word] += 1
    return word


@compiled
def sample(grams: Grams, vocabulary_size: Int, invented: Invented, out: Int32Array) -> None:
    """Fill `out` [T] with ids; those from `vocabulary_size` on are invented words."""
    sizes = invented.sizes
    for t in range(len(out)):
        word = draw_word(grams, sizes[3], sizes[4], sizes)
        if word == EOS and sizes[4] == EOS:
            word = np.int64(UNK)  # no empty lines
        out[t] = word
        if word == UNK:
            out[t] = vocabulary_size + invent(invented, CONCENTRATION, HEAPS_EXPONENT)
        sizes[3] = sizes[4]
        sizes[4] = word


@compiled
def write_words(ids: Int32Array, spellings: Spellings, out: ByteArray) -> Int:
    """Write the words of `ids` with blanks and newlines; return the number of bytes."""
    size, vocabulary_size = np.int64(0), len(spellings.ends)
    for word in ids:
        if word == EOS:
            size -= size > 0
            out[size] = _NEWLINE
            size += 1
            continue
        if word < vocabulary_size:
            for i in range(spellings.ends[word - 1], spellings.ends[word]):
                out[size] = spellings.data[i]
                size += 1
        else:
            size = spell_invented(np.int64(word - vocabulary_size), spellings, out, size)
        out[size] = _BLANK
        size += 1
    return size


@inlined
def spell_invented(number: Int, spellings: Spellings, out: ByteArray, size: Int) -> Int:
    """Write an invented word, an x and syllables; no word of English has a consonant after its first x."""
    out[size] = ord("x")
    size += 1
    while True:
        out[size] = spellings.consonants[number % len(spellings.consonants)]
        number //= len(spellings.consonants)
        out[size + 1] = spellings.vowels[number % len(spellings.vowels)]
        number //= len(spellings.vowels)
        size += 2
        if number == 0:
            return size
