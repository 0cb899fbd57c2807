"""Check of a table's back-off weights: no probability that they lead to is above one.

After a context c, a word that c does not list has b(c) P(w | c'), c' being c without its first word. Where b(c) is at
most one, that is at most P(w | c'), and nothing is to be checked; so only weights above one cost anything, which most
smoothings give few contexts. For these the most probable word that c does not list is found: among the words that its
suffixes list, from the longest on, and among all words by falling probability.
"""

from __future__ import annotations

import numpy as np

from models.kernels.jit import Floats, Int, compiled, inlined
from models.ngram.trie import Trie, backoff, child_range, find_child, find_parent, logprob, place_pieces, token
from models.utils.arrays import Int64Array

TOLERANCE = 1e-3
"""How far above one a probability may be, in nats: the rounding of a large weight, where little is left to share."""
MAX_READS = 1_000_000_000
"""Most n-grams that the check of one order reads, in some seconds; a table that needs more was made to need it."""
UNNORMALIZED_TOLERANCE = 2.3
"""The same of tables that were imported though they do not sum to one, as every answer says: a factor of 10."""


def find_unsound_weight(trie: Trie, *, normalized: bool) -> tuple[int, int] | None:
    """Return order and place of a context whose weight leads to a probability above one, or None."""
    tolerance = TOLERANCE if normalized else UNNORMALIZED_TOLERANCE
    unigrams = np.empty(trie.levels[1]["size"], np.float32)
    write_unigrams(trie, unigrams)
    ranked = np.argsort(-unigrams, kind="stable")
    buffer = np.empty(len(trie.levels), np.int64)
    for n in range(1, len(trie.levels) - 1):
        reads = np.zeros(1, np.int64)
        for piece in place_pieces(trie, n):
            place = int(unsound_place(trie, n, *piece, tolerance, ranked, buffer, np.empty_like(buffer), reads))
            if place >= 0:
                return n, place
    return None


@compiled
def write_unigrams(trie: Trie, out: Floats) -> None:
    """Write the log-probability of each word [V]."""
    for word in range(len(out)):
        out[word] = logprob(trie, 1, word)


@compiled
def unsound_place(
    trie: Trie,
    n: Int,
    begin: Int,
    end: Int,
    tolerance: float,
    ranked: Int64Array,
    words: Int64Array,
    path: Int64Array,
    reads: Int64Array,
) -> Int:
    """Return the first of some contexts of n words whose weight is too large, -1 where there is none.

    `ranked` are all words by falling probability; `words` and `path` are room for a number per order. `reads` [1]
    counts the n-grams that were read.
    """
    for place in range(begin, end):
        weight = np.float64(backoff(trie, n, place))
        if weight > 0:
            write_suffixes(trie, n, place, words, path)
            for m in range(1, n):
                reads[0] += child_range(trie, m, path[m])[1] if path[m] >= 0 else 0
            if reads[0] > MAX_READS:
                return np.int64(place)
            may_exceed = weight + largest_bound(trie, n, path, ranked) > tolerance
            if may_exceed and weight + largest_unlisted(trie, n, path, ranked) > tolerance:
                return np.int64(place)
    return np.int64(-1)


@inlined
def write_suffixes(trie: Trie, n: Int, place: Int, words: Int64Array, path: Int64Array) -> None:
    """Write the places of the last m words of a context to path[m], m = 1..n, -1 for none."""
    path[n] = place
    for m in range(n, 1, -1):
        words[m] = token(trie, m, place)
        place = find_parent(trie, m, place)
    words[1] = place
    for m in range(1, n):
        suffix = words[n - m + 1]
        for k in range(1, m):
            if suffix >= 0:
                suffix = find_child(trie, k, suffix, words[n - m + 1 + k])
        path[m] = suffix


@inlined
def largest_bound(trie: Trie, n: Int, path: Int64Array, ranked: Int64Array) -> float:
    """Return a bound on the log-probability of any word after the context without its first word."""
    largest, weight = float(-np.inf), 0.0
    for m in range(n - 1, 0, -1):
        if path[m] >= 0:
            begin, size = child_range(trie, m, path[m])
            for child in range(begin, begin + size):
                largest = max(largest, weight + float(logprob(trie, m + 1, child)))
            weight += float(backoff(trie, m, path[m]))
    return max(largest, weight + float(logprob(trie, 1, ranked[0])))


@inlined
def largest_unlisted(trie: Trie, n: Int, path: Int64Array, ranked: Int64Array) -> float:
    """Return the largest log-probability of the words that the context does not list."""
    largest, weight = float(-np.inf), 0.0
    for m in range(n - 1, 0, -1):
        if path[m] >= 0:
            begin, size = child_range(trie, m, path[m])
            for child in range(begin, begin + size):
                value = weight + float(logprob(trie, m + 1, child))
                if value > largest and not is_listed(trie, m + 1, n, path, token(trie, m + 1, child)):
                    largest = value
            weight += float(backoff(trie, m, path[m]))
    for k in range(len(ranked)):
        value = weight + float(logprob(trie, 1, ranked[k]))
        if value <= largest or not is_listed(trie, 1, n, path, ranked[k]):
            return max(value, largest)
    return largest


@inlined
def is_listed(trie: Trie, first: Int, last: Int, path: Int64Array, word: Int) -> bool:
    """Return whether any of the contexts of `first` to `last` words of a path lists a word."""
    for m in range(first, last + 1):  # noqa: SIM110 - no generators in compiled loops
        if path[m] >= 0 and find_child(trie, m, path[m], word) >= 0:
            return True
    return False
