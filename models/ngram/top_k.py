"""Compiled queries of the next word: the whole distribution, or the k most probable words.

Paths and values are those of `query`, to the last bit. No function here checks bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Floats, Int, compiled, inlined
from models.ngram.trie import Trie, backoff, child_range, find_child, find_parent, logprob, split_ngrams, token
from models.utils.arrays import Int64Array, IntArray


class RankedNgrams(NamedTuple):
    """Unigrams and bigrams by falling probability, so that a top-k list need not read them all.

    Reading stops where they fall below the last entry of the list. On ptb, the ten best words take 0.7 µs a state; with
    unranked bigrams 2.9. Longer contexts have few children; reading all of them costs less than ranking them.
    """

    unigrams: Int64Array
    """[V] words by falling probability, then ascending id."""
    bigrams: NDArray[np.int32]
    """Places of bigrams: child ranges stay where they are, each by falling probability, then ascending id."""


_RANKED_PLACES = 1 << 20
"""Bigrams that are ranked at once, or those of one context: some 40 MB meanwhile."""


def rank_ngrams(trie: Trie) -> RankedNgrams:
    """Rank the unigrams and bigrams of `trie`; takes a tenth of a second for a million bigrams."""
    unigrams = _sort_by_logprob(trie, 1, np.zeros(trie.levels["size"][1], np.int64), 0)
    if len(trie.levels) == 2:
        return RankedNgrams(unigrams, np.empty(0, np.int32))
    size, begin = int(trie.levels["size"][2]), 0
    bigrams = np.empty(size, np.int32)
    while begin < size:
        end = _end_of_children(trie, min(begin + _RANKED_PLACES, size) - 1)
        places = np.arange(begin, end)
        contexts = np.empty_like(places)
        split_ngrams(trie, 2, places, contexts, np.empty_like(places))
        bigrams[begin:end] = begin + _sort_by_logprob(trie, 2, contexts, begin)
        begin = end
    return RankedNgrams(unigrams, bigrams)


def _end_of_children(trie: Trie, place: int) -> int:
    """Return where the bigrams end that begin as the one at `place` does."""
    begin, size = child_range(trie, 1, find_parent(trie, 2, place))
    return int(begin + size)


def _sort_by_logprob(trie: Trie, n: int, contexts: Int64Array, begin: int) -> Int64Array:
    """Return places of order n, counted from `begin`, by context and then falling probability."""
    logprobs = np.empty(len(contexts), np.float32)
    copy_logprobs(trie, n, begin, logprobs)
    return np.lexsort((-logprobs, contexts))


@compiled
def copy_logprobs(trie: Trie, n: Int, begin: Int, out: Floats) -> None:
    """Write the log-probabilities of n-grams of order n from place `begin` on, in nats."""
    for i in range(len(out)):
        out[i] = logprob(trie, n, begin + i)


@inlined
def longer_backoff(trie: Trie, path: Int64Array, n: Int) -> float:
    """Return the sum of the log back-off weights of all contexts of `path` of n words or more.

    It is added to the log-probability of an n-gram of order n.
    """
    weight = 0.0
    for m in range(len(path), n - 1, -1):
        if path[m - 1] >= 0:
            weight += float(backoff(trie, m, path[m - 1]))
    return weight


@inlined
def listed_range(trie: Trie, path: Int64Array, n: Int) -> tuple[float, Int, Int]:
    """Return `longer_backoff`, begin and end of the n-grams of order n, 2 or more, that continue `path`."""
    if path[n - 2] < 0:
        return 0.0, 0, 0
    begin, size = child_range(trie, n - 1, path[n - 2])
    return longer_backoff(trie, path, n), begin, begin + size


@compiled
def write_distributions(trie: Trie, paths: Int64Array, out: Floats) -> None:
    """Write log P of each next word after each of `paths` [B, N - 1] into `out` [B, V].

    Unigrams are written first; the n-grams of longer contexts overwrite them.
    """
    for row in range(len(paths)):
        path = paths[row]
        weight = longer_backoff(trie, path, 1)
        for word in range(out.shape[1]):
            out[row, word] = weight + logprob(trie, 1, word)
        for n in range(2, len(trie.levels)):
            weight, begin, end = listed_range(trie, path, n)
            for place in range(begin, end):
                out[row, token(trie, n, place)] = weight + logprob(trie, n, place)


@inlined
def is_unlisted(trie: Trie, path: Int64Array, n: Int, word: Int) -> bool:
    """Return whether `word` is a child of no context of `path` of n words or more."""
    m = len(path)
    while m >= n and (path[m - 1] < 0 or find_child(trie, m, path[m - 1], word) < 0):
        m -= 1
    return bool(m < n)


@inlined
def insert_candidate(
    trie: Trie, path: Int64Array, n: Int, values: Floats, words: Int64Array, value: np.float32, word: Int
) -> None:
    """Insert an n-gram's last word into a top-k list, by falling value, then ascending id.

    Nothing happens if it is no better than the last, or if a context of `path` of n words or more lists the word.
    """
    if value < values[-1] or (value == values[-1] and word > words[-1]) or not is_unlisted(trie, path, n, word):
        return
    rank = len(values) - 1
    while rank > 0 and (values[rank - 1] < value or (values[rank - 1] == value and words[rank - 1] > word)):
        values[rank] = values[rank - 1]
        words[rank] = words[rank - 1]
        rank -= 1
    values[rank] = value
    words[rank] = word


@inlined
def insert_ranked(
    trie: Trie, path: Int64Array, n: Int, places: IntArray, values: Floats, words: Int64Array, weight: float
) -> None:
    """Insert n-grams of order n, best first, with `weight` added; stop at the first that is too low."""
    for place in places:
        value = np.float32(weight + logprob(trie, n, place))
        if value < values[-1]:
            break
        insert_candidate(trie, path, n, values, words, value, token(trie, n, place))


@compiled
def topk(trie: Trie, paths: Int64Array, ranked: RankedNgrams, values: Floats, words: Int64Array) -> None:
    """Write the best words after each of `paths` and their log-probabilities [B, k], k <= V."""
    for row in range(len(paths)):
        path, best_values, best_words = paths[row], values[row], words[row]
        best_values[:] = -np.inf
        best_words[:] = len(ranked.unigrams)
        for n in range(len(trie.levels) - 1, 2, -1):
            weight, begin, end = listed_range(trie, path, n)
            for place in range(begin, end):
                value = np.float32(weight + logprob(trie, n, place))
                if value >= best_values[-1]:  # few of hundreds are; only then is the word read
                    insert_candidate(trie, path, n, best_values, best_words, value, token(trie, n, place))
        if len(trie.levels) > 2:
            weight, begin, end = listed_range(trie, path, 2)
            insert_ranked(trie, path, 2, ranked.bigrams[begin:end], best_values, best_words, weight)
        insert_ranked(trie, path, 1, ranked.unigrams, best_values, best_words, longer_backoff(trie, path, 1))
