"""What may come next after a path of contexts: the whole distribution, or the best words; compiled.

It knows how a distribution lies in a trie, and computes each value as `trie` does, to the last bit. It does not know
how a path comes about. Nothing here checks bounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.jit import Int, compiled, inlined
from models.ngram.query import QueryBuffers, advance, ids_in_range
from models.ngram.trie import Trie, backoff, child_range, find_child, logprob, split_ngrams, token


class RankedNgrams(NamedTuple):
    """N-grams that are many after one context, best first: where they fall below a list's worst, the rest need no look.

    After other contexts there are few, and to look at all costs less than to find the best.
    """

    unigrams: NDArray[np.int64]
    """[V] by falling probability, then rising id."""
    bigrams: NDArray[np.int32]
    """Places of pairs of words, the runs of first words as they are, each by falling probability, then rising id."""


def rank_ngrams(trie: Trie) -> RankedNgrams:
    """What `topk` wants; a tenth of a second for a million pairs."""
    words = _sort_by_logprob(trie, 1, np.zeros(trie.levels["size"][1], np.int64))
    if len(trie.levels) == 2:
        return RankedNgrams(words, np.empty(0, np.int32))
    places = np.arange(trie.levels["size"][2])
    contexts = np.empty_like(places)
    split_ngrams(trie, 2, places, contexts, np.empty_like(places))
    return RankedNgrams(words, _sort_by_logprob(trie, 2, contexts).astype(np.int32))


def _sort_by_logprob(trie: Trie, n: int, contexts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the n-grams of an order, whose contexts do not fall, the best of each context first."""
    values = np.empty(len(contexts), np.float32)
    copy_logprobs(trie, n, values)
    return np.lexsort((-values, contexts))


@compiled
def copy_logprobs(trie: Trie, n: Int, out: NDArray[np.float32]) -> None:
    """Write the log-probabilities of all n-grams of an order, in nats."""
    for i in range(len(out)):
        out[i] = logprob(trie, n, i)


@inlined
def longer_backoff(trie: Trie, path: NDArray[np.int64], n: Int) -> float:
    """What is added to the log-probability of an n-gram of order n: the weights of the contexts of n words and more."""
    weight = 0.0
    for m in range(len(path), n - 1, -1):
        if path[m - 1] >= 0:
            weight += backoff(trie, m, path[m - 1])
    return weight


@inlined
def listed_range(trie: Trie, path: NDArray[np.int64], n: Int) -> tuple[float, Int, Int]:
    """Where the n-grams of order n, 2 or more, that go on `path` begin and end, and what is added to each."""
    if path[n - 2] < 0:
        return 0.0, 0, 0
    begin, length = child_range(trie, n - 1, path[n - 2])
    return longer_backoff(trie, path, n), begin, begin + length


@compiled
def write_distributions(trie: Trie, paths: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Write the distribution of the next word after each of `paths` [B, N - 1] into `out` [B, V].

    Unigrams come first, then each longer context over them.
    """
    for b in range(len(paths)):
        path = paths[b]
        weight = longer_backoff(trie, path, 1)
        for word in range(out.shape[1]):
            out[b, word] = weight + logprob(trie, 1, word)
        for n in range(2, len(trie.levels)):
            weight, begin, end = listed_range(trie, path, n)
            for i in range(begin, end):
                out[b, token(trie, n, i)] = weight + logprob(trie, n, i)


@inlined
def is_unlisted(trie: Trie, path: NDArray[np.int64], n: Int, word: Int) -> bool:
    """Whether no context of `path` of n words or more lists `word`."""
    m = len(path)
    while m >= n and (path[m - 1] < 0 or find_child(trie, m, path[m - 1], word) < 0):
        m -= 1
    return bool(m < n)


@inlined
def insert_candidate(
    trie: Trie,
    path: NDArray[np.int64],
    n: Int,
    values: NDArray[np.float32],
    words: NDArray[np.int64],
    value: Any,
    word: Int,
) -> None:
    """Insert `word` into the best so far, by falling value, then rising id; the last drops out.

    Nothing happens if it is no better than the last, or if a context of `path` of n words or more lists it.
    """
    if value < values[-1] or (value == values[-1] and word > words[-1]) or not is_unlisted(trie, path, n, word):
        return
    at = len(values) - 1
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and words[at - 1] > word)):
        values[at] = values[at - 1]
        words[at] = words[at - 1]
        at -= 1
    values[at] = value
    words[at] = word


@inlined
def insert_ranked(
    trie: Trie,
    path: NDArray[np.int64],
    n: Int,
    places: NDArray[Any],
    values: NDArray[np.float32],
    words: NDArray[np.int64],
    weight: float,
) -> None:
    """Offer n-grams of order n, of which the first is the best, with a weight added to each."""
    for i in places:
        value = np.float32(weight + logprob(trie, n, i))
        if value < values[-1]:
            break
        insert_candidate(trie, path, n, values, words, value, token(trie, n, i))


@compiled
def topk(
    trie: Trie, paths: NDArray[np.int64], ranked: RankedNgrams, values: NDArray[np.float32], words: NDArray[np.int64]
) -> None:
    """Write the best words after each of `paths` and their log-probabilities to `words` and `values` [B, k], k <= V."""
    for b in range(len(paths)):
        path, best, chosen = paths[b], values[b], words[b]
        best[:] = -np.inf
        chosen[:] = len(ranked.unigrams)
        for n in range(len(trie.levels) - 1, 2, -1):
            weight, begin, end = listed_range(trie, path, n)
            for i in range(begin, end):
                of = np.float32(weight + logprob(trie, n, i))
                if of >= best[-1]:  # of hundreds few are; which word it is need not be looked at before
                    insert_candidate(trie, path, n, best, chosen, of, token(trie, n, i))
        if len(trie.levels) > 2:
            weight, begin, end = listed_range(trie, path, 2)
            insert_ranked(trie, path, 2, ranked.bigrams[begin:end], best, chosen, weight)
        insert_ranked(trie, path, 1, ranked.unigrams, best, chosen, longer_backoff(trie, path, 1))


@compiled
def topk_continuation(
    trie: Trie,
    path: NDArray[np.int64],
    context: NDArray[np.int64],
    length: NDArray[np.int64],
    ranked: RankedNgrams,
    values: NDArray[np.float32],
    words: NDArray[np.int64],
    room: QueryBuffers,
) -> bool:
    """`inside`, `read` and `topk` in one call, which costs more than they do; false where an id is not inside."""
    if not ids_in_range(context, length, len(ranked.unigrams)):
        return False
    advance(trie, path, context, length, room)
    topk(trie, path, ranked, values, words)
    return True
