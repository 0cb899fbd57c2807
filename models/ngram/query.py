"""The automaton's inner loops over a trie of n-grams, compiled, without the interpreter's lock: reading and scoring.

It knows contexts, words and log-probabilities (nats). It does not know what might come next (`successors`), how the
numbers were estimated or stored, nor torch, nor requests. Nothing here checks bounds: whoever calls has validated the
trie and the word ids.

A state is a path, [N - 1]: entry n - 1 is the place of the last n words among the n-grams of order n, -1 where those
are not listed. The next word is looked for under each of them, and what is found is the next path: no links from
context to context are stored. Of a text, all words are looked for under the contexts of one order before those of the
next order are, so that no search waits for that of the word before, and their cache misses overlap.

Every value is `float32(sum of back-off weights, longest first, in float64 + log-probability)`, whichever function
computes it, so that a row, a score and a top-k list agree to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, inlined
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
)
from models.special_tokens import EOS

CHUNK_WORDS = 256
"""So many words are looked for at a time."""
_SEARCH_GROUP = 16
"""So many searches go step by step side by side."""


class QueryBuffers(NamedTuple):
    """Where the loops keep what they find; they cannot allocate."""

    nodes: NDArray[np.int64]
    """[N, CHUNK + 1] the place of the n-gram of each order that ends in each word, -1 where there is none; in front
    those of the path before."""
    positions: NDArray[np.int64]
    """[CHUNK + 1] where a search is worth while."""
    range_begins: NDArray[np.int64]
    """[_GROUP] where in its order each search goes on."""
    range_lengths: NDArray[np.int64]
    """[_GROUP] among how many."""
    hash_index: HashIndex
    """Where pairs and triples are, or NONE."""


def query_buffers(trie: Trie, index: HashIndex = EMPTY_INDEX) -> QueryBuffers:
    """Room for the loops over `trie`."""
    nodes = np.empty((len(trie.levels) - 1, CHUNK_WORDS + 1), np.int64)
    return QueryBuffers(
        nodes,
        np.empty(CHUNK_WORDS + 1, np.int64),
        np.empty(_SEARCH_GROUP, np.int64),
        np.empty(_SEARCH_GROUP, np.int64),
        index,
    )


@compiled
def ids_in_range(words: NDArray[np.int64], lengths: NDArray[np.int64], size: Int) -> bool:
    """Whether all words that are read, the first `lengths[i]` of each row of `words` [B, T], are from 0 to size - 1."""
    for i in range(len(lengths)):
        for t in range(lengths[i]):
            if words[i, t] < 0 or words[i, t] >= size:
                return False
    return True


@compiled
def score(
    trie: Trie,
    paths: NDArray[np.int64],
    words: NDArray[np.int64],
    lengths: NDArray[np.int64],
    out: NDArray[np.float32],
    room: QueryBuffers,
) -> None:
    """Write log P of each of the first `lengths[i]` of `words[i]` [B, T], given those before, into `out` [B, T].

    Moves `paths` [B, N - 1] on to those after the last.
    """
    for i in range(len(paths)):
        for begin in range(0, lengths[i], CHUNK_WORDS):
            count = min(CHUNK_WORDS, lengths[i] - begin)
            match_ngrams(trie, paths[i], words[i], begin, count, room)
            for t in range(count):
                out[i, begin + t] = backed_off_logprob(trie, room.nodes, t)


@compiled
def advance(
    trie: Trie, paths: NDArray[np.int64], words: NDArray[np.int64], lengths: NDArray[np.int64], room: QueryBuffers
) -> None:
    """Move `paths` [B, N - 1] on by the first `lengths[i]` of `words[i]` [B, T].

    A path depends on no more than the last N - 1 words: of longer rows, only those are read.
    """
    for i in range(len(paths)):
        first = max(0, lengths[i] - paths.shape[1])
        if first:
            paths[i] = -1
        match_ngrams(trie, paths[i], words[i], first, lengths[i] - first, room)


@inlined
def match_ngrams(
    trie: Trie, path: NDArray[np.int64], words: NDArray[np.int64], begin: Int, count: Int, room: QueryBuffers
) -> None:
    """Find the n-grams that end in each of the `count` words from `begin` on, and move `path` on."""
    nodes = room.nodes
    for t in range(count):
        nodes[0, t + 1] = words[begin + t]
    for n in range(1, len(nodes)):
        nodes[n - 1, 0] = path[n - 1]
        size = collect_searches(trie, n, nodes, count, room.positions)
        if (
            n + 1 < len(room.hash_index.order_offsets)
            and room.hash_index.order_offsets[n] < room.hash_index.order_offsets[n + 1]
        ):
            search_hashed(trie, n, room, size)
        else:
            for first in range(0, size, _SEARCH_GROUP):
                search_sorted(trie, n, room, first, min(_SEARCH_GROUP, size - first))
        path[n - 1] = nodes[n - 1, count] if n == 1 or nodes[0, count] != EOS or count == 0 else -1


@inlined
def collect_searches(trie: Trie, n: Int, nodes: NDArray[np.int64], count: Int, times: NDArray[np.int64]) -> Int:
    """Write when a context of n words may list the word after it into `times`; how often that is.

    It cannot where the same context without its first word did not, if the orders are closed.
    """
    closed = n > 1 and trie.levels[n + 1].closed != 0
    size: Int = np.int64(0)
    for t in range(count):
        nodes[n, t + 1] = -1
        times[size] = t
        size += nodes[n - 1, t] >= 0 and (nodes[n - 1, t + 1] >= 0 or not closed)
    return size


@inlined
def search_sorted(trie: Trie, n: Int, room: QueryBuffers, first: Int, size: Int) -> None:
    """Look for the words at `size` of the times from `first` on, each under its context of n words: binary search.

    They halve what is left side by side and without a branch that depends on the outcome.
    """
    nodes, times, begins, lengths = room.nodes, room.positions[first:], room.range_begins, room.range_lengths
    level = trie.levels[n + 1]
    width = level.token_bits + level.logprob_bits
    longest: Int = np.int64(0)
    for k in range(size):
        begins[k], lengths[k] = child_range(trie, n, nodes[n - 1, times[k]])
        longest = max(longest, lengths[k])
        prefetch_record(trie, n + 1, begins[k] + (lengths[k] >> 1))
    while longest > 1:
        longest -= longest >> 1
        for k in range(size):
            half = lengths[k] >> 1
            middle = read_bits(trie.data, level.records + (begins[k] + half) * width, level.token_bits)
            begins[k] += half & ((middle - nodes[0, times[k] + 1] - 1) >> 63)
            lengths[k] -= half
    for k in range(size):
        last = read_bits(trie.data, level.records + begins[k] * width, level.token_bits)
        if lengths[k] and last == nodes[0, times[k] + 1]:
            nodes[n, times[k] + 1] = begins[k]
            if n + 1 < len(nodes):
                prefetch_block(trie, n + 1, begins[k])


@inlined
def search_hashed(trie: Trie, n: Int, room: QueryBuffers, size: Int) -> None:
    """Look for the words at `size` of the times, each under its context of n words, in a table of hashes.

    What a group of them will read is asked for while the group before is read.
    """
    nodes, times, found, index, width = (
        room.nodes,
        room.positions,
        room.range_begins,
        room.hash_index,
        place_bits(trie, n),
    )
    for k in range(min(_SEARCH_GROUP, size)):
        prefetch_slot(index, n, nodes[n - 1, times[k]], nodes[0, times[k] + 1])
    for first in range(0, size, _SEARCH_GROUP):
        end = min(first + _SEARCH_GROUP, size)
        for k in range(end, min(end + _SEARCH_GROUP, size)):
            prefetch_slot(index, n, nodes[n - 1, times[k]], nodes[0, times[k] + 1])
            prefetch_block(trie, n, nodes[n - 1, times[k]])
        for k in range(first, end):
            found[k - first] = probe(trie, index, n, width, nodes[n - 1, times[k]], nodes[0, times[k] + 1])
        for k in range(first, end):
            i, context, word = found[k - first], nodes[n - 1, times[k]], nodes[0, times[k] + 1]
            if i >= 0 and not verify(trie, n, i, context, word):
                i = find_child(trie, n, context, word)  # another n-gram's hash looked like this one's
            nodes[n, times[k] + 1] = i
            if i >= 0 and n + 1 < len(nodes):
                prefetch_block(trie, n + 1, i)


@inlined
def backed_off_logprob(trie: Trie, nodes: NDArray[np.int64], t: Int) -> Any:
    """Log P of the word at time t: that of the longest n-gram found, and the weights of all contexts longer."""
    n, weight = len(nodes), 0.0
    while nodes[n - 1, t + 1] < 0:
        n -= 1
        if nodes[n - 1, t] >= 0:
            weight += backoff(trie, n, nodes[n - 1, t])
    return weight + logprob(trie, n, nodes[n - 1, t + 1])


@compiled
def score_continuation(
    trie: Trie,
    path: NDArray[np.int64],
    context: NDArray[np.int64],
    length: NDArray[np.int64],
    words: NDArray[np.int64],
    lengths: NDArray[np.int64],
    size: Int,
    out: NDArray[np.float32],
    room: QueryBuffers,
) -> bool:
    """`inside`, `read` and `score` in one call; false where an id is not from 0 to size - 1."""
    if not (ids_in_range(context, length, size) and ids_in_range(words, lengths, size)):
        return False
    advance(trie, path, context, length, room)
    score(trie, path, words, lengths, out, room)
    return True
