"""Compiled queries of a trie: advancing states over words and scoring words. They hold no GIL.

The state of a sequence is a path, [N - 1] int64: entry n - 1 is the place of the last n words read among the n-grams
of order n, UNLISTED where they are not listed, ABSENT where not so many were read since the boundary. The next word is
looked for among the children of each context of the path; the places found are the next path. No links from context to
context are stored. In a text, all words are looked for under the contexts of one order before those of the next order
are, so that no search waits for the one of the word before it and their cache misses overlap.

Each value is `float32(sum of log back-off weights, longest context first, in float64 + log-probability)` in nats,
here and in `top_k`, so that a row, a score and a top-k list agree to the last bit.

No function here checks bounds: callers validate the trie (`backoff_table.check_trie`) and the ids (`ids_in_range`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.kernels.jit import Floats, Int, compiled, inlined
from models.ngram.hash_index import EMPTY_INDEX, HashIndex, place_bits, prefetch_slot, probe, verify
from models.ngram.trie import (
    Trie,
    backoff,
    child_range,
    find_child,
    logprob,
    prefetch_block,
    prefetch_record,
    read_bits,
    record_bit,
)
from models.special_tokens import EOS
from models.utils.arrays import BoolArray, Int64Array, IntArray

UNLISTED = -1
"""Place of words that are not listed as an n-gram."""
ABSENT = -2
"""Place of words that are not there: a text of two words, or two after the boundary, has no last three."""
CHUNK_WORDS = 256
"""Words that are looked for together, order by order; the places of a chunk stay in the first cache."""
_SEARCH_GROUP = 16
"""Searches that proceed step by step side by side, so that their cache misses overlap.

Scoring the 73,760 tokens of ptb.valid with an order-5 model takes 9.4 ms; with groups of one search 16.3 ms, without
prefetching 16.0 ms."""


class QueryBuffers(NamedTuple):
    """Working memory of the queries, which must not allocate; one for each call."""

    places: Int64Array
    """[N, CHUNK_WORDS + 1] place of the n-gram of each order that ends in each word, -1 where there is none; column 0
    is the path before the chunk, column t + 1 belongs to word t."""
    positions: Int64Array
    """[CHUNK_WORDS + 1] words of the chunk that must be searched for under their context."""
    range_begins: Int64Array
    """[_SEARCH_GROUP] place where the rest of the range of each search begins."""
    range_sizes: Int64Array
    """[_SEARCH_GROUP] size of the rest of the range."""
    hash_index: HashIndex
    """Index of bigrams and trigrams, or EMPTY_INDEX."""


def query_buffers(trie: Trie, hash_index: HashIndex = EMPTY_INDEX) -> QueryBuffers:
    """Allocate the buffers of one call for `trie`."""
    places = np.empty((len(trie.levels) - 1, CHUNK_WORDS + 1), np.int64)
    positions = np.empty(CHUNK_WORDS + 1, np.int64)
    return QueryBuffers(
        places, positions, np.empty(_SEARCH_GROUP, np.int64), np.empty(_SEARCH_GROUP, np.int64), hash_index
    )


@compiled
def ids_in_range(words: Int64Array, lengths: Int64Array, size: Int) -> bool:
    """Return whether the first `lengths[i]` of each row of `words` [B, T] are ids from 0 to size - 1."""
    for i in range(len(lengths)):
        for t in range(lengths[i]):
            if words[i, t] < 0 or words[i, t] >= size:
                return False
    return True


@compiled
def score(
    trie: Trie, paths: Int64Array, words: Int64Array, lengths: Int64Array, out: Floats, buffers: QueryBuffers
) -> None:
    """Write log P of the first `lengths[i]` words of row i [B, T] to `out`; advance `paths` [B, N - 1]."""
    for i in range(len(paths)):
        for begin in range(0, lengths[i], CHUNK_WORDS):
            count = min(CHUNK_WORDS, lengths[i] - begin)
            match_ngrams(trie, paths[i], words[i], begin, count, buffers)
            for t in range(count):
                out[i, begin + t] = backed_off_logprob(trie, buffers.places, t)


@compiled
def advance(trie: Trie, paths: Int64Array, words: Int64Array, lengths: Int64Array, buffers: QueryBuffers) -> None:
    """Overwrite `paths` [B, N - 1] with those after the first `lengths[i]` of `words[i]` [B, T].

    A path depends on no more than the last N - 1 words: of longer rows, only those are read.
    """
    for i in range(len(paths)):
        first = max(0, lengths[i] - paths.shape[1])
        if first:
            paths[i] = UNLISTED
        match_ngrams(trie, paths[i], words[i], first, lengths[i] - first, buffers)


@inlined
def match_ngrams(
    trie: Trie, path: Int64Array, words: Int64Array, begin: Int, count: Int, buffers: QueryBuffers
) -> None:
    """Find the n-grams that end in each of the `count` words from `begin` on, and advance `path`."""
    places, index = buffers.places, buffers.hash_index
    for t in range(count):
        places[0, t + 1] = words[begin + t]
    longest: Int = np.int64(1)  # words read since the boundary, with it; at most one more than a path has entries
    while longest < len(places) and longest <= count and places[0, count + 1 - longest] != EOS:
        longest += 1
    if longest > count:
        longest = np.int64(len(places))
    for n in range(1, len(places)):
        places[n - 1, 0] = path[n - 1]
        size = collect_searches(trie, n, places, count, buffers.positions)
        if n + 1 < len(index.order_offsets) and index.order_offsets[n] < index.order_offsets[n + 1]:
            search_hashed(trie, n, buffers, size)
        else:
            for first in range(0, size, _SEARCH_GROUP):
                search_sorted(trie, n, buffers, first, min(_SEARCH_GROUP, size - first))
        path[n - 1] = places[n - 1, count] if n <= longest else ABSENT


@inlined
def collect_searches(trie: Trie, n: Int, places: Int64Array, count: Int, positions: Int64Array) -> Int:
    """Write which words may be children of their context of n words into `positions`; return how many.

    If the order above is suffix-closed, a word that the context without its first word does not list is no child.
    """
    suffix_closed = n > 1 and trie.levels[n + 1].suffix_closed != 0
    size: Int = np.int64(0)
    for t in range(count):
        places[n, t + 1] = min(places[n - 1, t], UNLISTED)
        positions[size] = t  # overwritten unless `size` grows: with a branch, scoring a text takes 4 % longer
        size += places[n - 1, t] >= 0 and (places[n - 1, t + 1] >= 0 or not suffix_closed)
    return size


@inlined
def search_sorted(trie: Trie, n: Int, buffers: QueryBuffers, first: Int, size: Int) -> None:
    """Find `size` words from position `first` on among their contexts' children, by binary search.

    All searches halve their ranges side by side and, as `find_child`, without a branch on the outcome.
    """
    places, positions = buffers.places, buffers.positions[first:]
    begins, sizes = buffers.range_begins, buffers.range_sizes
    token_bits = trie.levels[n + 1].token_bits
    largest: Int = np.int64(0)
    for k in range(size):
        begins[k], sizes[k] = child_range(trie, n, places[n - 1, positions[k]])
        largest = max(largest, sizes[k])
        prefetch_record(trie, n + 1, begins[k] + (sizes[k] >> 1))
    while largest > 1:
        largest -= largest >> 1
        for k in range(size):
            half = sizes[k] >> 1
            middle = read_bits(trie.data, record_bit(trie, n + 1, begins[k] + half), token_bits)
            begins[k] += half & ((middle - places[0, positions[k] + 1] - 1) >> 63)
            sizes[k] -= half
    for k in range(size):
        last = read_bits(trie.data, record_bit(trie, n + 1, begins[k]), token_bits)
        if sizes[k] and last == places[0, positions[k] + 1]:
            places[n, positions[k] + 1] = begins[k]
            if n + 1 < len(places):
                prefetch_block(trie, n + 1, begins[k])


@inlined
def search_hashed(trie: Trie, n: Int, buffers: QueryBuffers, size: Int) -> None:
    """Find the words at the first `size` positions among their contexts' children, by hash.

    The slots and blocks of a group of words are prefetched while the group before is looked up.
    """
    places, positions, index = buffers.places, buffers.positions, buffers.hash_index
    probed, bits = buffers.range_begins, place_bits(trie, n)
    for k in range(min(_SEARCH_GROUP, size)):
        prefetch_slot(index, n, places[n - 1, positions[k]], places[0, positions[k] + 1])
    for first in range(0, size, _SEARCH_GROUP):
        end = min(first + _SEARCH_GROUP, size)
        for k in range(end, min(end + _SEARCH_GROUP, size)):
            prefetch_slot(index, n, places[n - 1, positions[k]], places[0, positions[k] + 1])
            prefetch_block(trie, n, places[n - 1, positions[k]])
        for k in range(first, end):
            probed[k - first] = probe(trie, index, n, bits, places[n - 1, positions[k]], places[0, positions[k] + 1])
        for k in range(first, end):
            place, context, word = probed[k - first], places[n - 1, positions[k]], places[0, positions[k] + 1]
            if place >= 0 and not verify(trie, n, place, context, word):
                place = find_child(trie, n, context, word)  # the hash of another n-gram has the same bits
            places[n, positions[k] + 1] = place
            if place >= 0 and n + 1 < len(places):
                prefetch_block(trie, n + 1, place)


@inlined
def backed_off_logprob(trie: Trie, places: Int64Array, t: Int) -> float:
    """Return log P of word t of a chunk: its longest n-gram's, plus longer contexts' back-off weights."""
    n, weight = len(places), 0.0
    while places[n - 1, t + 1] < 0:
        n -= 1
        if places[n - 1, t] >= 0:
            weight += float(backoff(trie, n, places[n - 1, t]))
    return weight + float(logprob(trie, n, places[n - 1, t + 1]))


@compiled
def mark_undefined(trie: Trie, paths: Int64Array, words: Int64Array, out: BoolArray, buffers: QueryBuffers) -> None:
    """Mark in `out` each of `words` [B, T] whose context never occurred; advance `paths` [B, N - 1].

    For tables of relative frequencies, without smoothing: such a context is not listed, or lists no word.
    """
    for i in range(len(paths)):
        for t in range(words.shape[1]):
            out[i, t] = is_undefined(trie, paths[i])
            match_ngrams(trie, paths[i], words[i], t, np.int64(1), buffers)


@compiled
def match_orders(trie: Trie, paths: Int64Array, words: Int64Array, out: IntArray, buffers: QueryBuffers) -> None:
    """Write the length of the n-gram behind the probability of each of `words` [B, T]; advance `paths`."""
    for i in range(len(paths)):
        for begin in range(0, words.shape[1], CHUNK_WORDS):
            count = min(CHUNK_WORDS, words.shape[1] - begin)
            match_ngrams(trie, paths[i], words[i], begin, count, buffers)
            for t in range(count):
                n = len(buffers.places)
                while buffers.places[n - 1, t + 1] < 0:
                    n -= 1
                out[i, begin + t] = n


@inlined
def is_undefined(trie: Trie, path: Int64Array) -> bool:
    """Return whether the longest context of a path lists no word."""
    n = len(path)
    while n > 0 and path[n - 1] == ABSENT:
        n -= 1
    if n == 0:
        return False
    return bool(path[n - 1] < 0 or child_range(trie, n, path[n - 1])[1] == 0)
