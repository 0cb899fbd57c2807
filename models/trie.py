"""The automaton's inner loops over the flat arrays of a back-off table, compiled, without the interpreter's lock.

It knows nodes, words and log-probabilities (nats). It does not know how the numbers were estimated, nor torch, nor
batches of requests. Nothing here checks bounds: whoever calls has validated the arrays and the word ids.

Every value is `float32(sum of back-off weights, longest first, in float64 + log-probability)`, whichever function
computes it, so that a row, a score and a top-k list agree to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Trie(NamedTuple):
    """A forward trie, level by level; the nodes of a level are sorted by (parent, word), so siblings are neighbours.

    Node 0 is the empty context and node `1 + w` the unigram `w`. The M nodes are all n-grams; the first K of them,
    those below the highest order, can be contexts too.
    """

    token: NDArray[Any]
    """[M] last word of the n-gram (uint16 or uint32); 0 at node 0."""
    logprob: NDArray[np.float32]
    """[M] log P(last word | the words before it), nats; 0 at node 0."""
    backoff: NDArray[np.float32]
    """[K] log of the weight that a word unlisted under this context finds on its way to the suffix."""
    children: NDArray[Any]
    """[K + 1] where the children of a node begin (int32 or int64); they end where the next node's begin."""
    suffix: NDArray[Any]
    """[K] the longest proper suffix that has a say: children, or a weight other than 0; node 0 at the latest
    (int32 or int64)."""


@njit(nogil=True, cache=True)
def find(trie: Trie, context: int, word: int) -> int:
    """The node of `word` under `context`, or -1: a binary search among siblings without unpredictable branches."""
    if context == 0:
        return 1 + word
    base: int = trie.children[context]
    length = trie.children[context + 1] - base
    if length == 0:
        return -1
    while length > 1:
        half = length >> 1
        if trie.token[base + half] <= word:
            base += half
        length -= half
    return base if trie.token[base] == word else -1


@njit(nogil=True, cache=True)
def settle(trie: Trie, context: int, node: int, word: int) -> int:
    """The state after `word` was found at `node` under `context`: the longest suffix that has a say."""
    while node >= len(trie.backoff):  # a highest-order n-gram is no context; its suffix stands one level lower
        if context == 0:
            return 0
        context = int(trie.suffix[context])
        below = find(trie, context, word)
        if below >= 0:
            node = below
    if trie.children[node] == trie.children[node + 1] and trie.backoff[node] == 0:
        return int(trie.suffix[node])
    return node


@njit(nogil=True, cache=True)
def step(trie: Trie, state: int, word: int) -> tuple[float, int]:
    """Log P(`word` | `state`) and the state after it."""
    weight = 0.0
    context = state
    node = find(trie, context, word)
    while node < 0:
        weight += trie.backoff[context]
        context = int(trie.suffix[context])
        node = find(trie, context, word)
    return weight + trie.logprob[node], settle(trie, context, node, word)


@njit(nogil=True, cache=True)
def inside(words: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> bool:
    """Whether all words that are read, the first `lengths[i]` of each row of `words` [B, T], are from 0 to size - 1."""
    for i in range(len(lengths)):
        for t in range(lengths[i]):
            if words[i, t] < 0 or words[i, t] >= size:
                return False
    return True


@njit(nogil=True, cache=True)
def score(
    trie: Trie,
    states: NDArray[np.int64],
    words: NDArray[np.int64],
    lengths: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Write log P of each of the first `lengths[i]` of `words[i]` [B, T], given those before, into `out` [B, T].

    Moves `states` [B] on to those after the last.
    """
    for i in range(len(states)):
        state = states[i]
        for t in range(lengths[i]):
            out[i, t], state = step(trie, state, words[i, t])
        states[i] = state


@njit(nogil=True, cache=True)
def read(
    trie: Trie, states: NDArray[np.int64], words: NDArray[np.int64], lengths: NDArray[np.int64], context: int
) -> None:
    """Move `states` [B] on by the first `lengths[i]` of `words[i]` [B, T].

    A state depends on no more than the last `context` words: of longer rows, only those are read.
    """
    for i in range(len(states)):
        begin = max(0, lengths[i] - context)
        state = 0 if begin else states[i]
        for t in range(begin, lengths[i]):
            state = step(trie, state, words[i, t])[1]
        states[i] = state


@njit(nogil=True, cache=True)
def row(trie: Trie, state: int, out: NDArray[np.float32]) -> None:
    """Write the distribution of the next word into `out` [V]: unigrams first, then each longer context over them."""
    path = contexts(trie, state)
    weights = path_weights(trie, path)
    unigrams = len(path) - 1
    for word in range(len(out)):
        out[word] = weights[unigrams] + trie.logprob[1 + word]
    for i in range(unigrams - 1, -1, -1):
        for node in range(trie.children[path[i]], trie.children[path[i] + 1]):
            out[trie.token[node]] = weights[i] + trie.logprob[node]


@njit(nogil=True, cache=True)
def contexts(trie: Trie, state: int) -> NDArray[np.int64]:
    """The back-off path: `state`, its suffix, and so on to node 0."""
    length = 1
    node = state
    while node > 0:
        node = int(trie.suffix[node])
        length += 1
    path = np.empty(length, np.int64)
    node = state
    for i in range(length):
        path[i] = node
        node = int(trie.suffix[node])
    return path


@njit(nogil=True, cache=True)
def path_weights(trie: Trie, path: NDArray[np.int64]) -> NDArray[np.float64]:
    """The summed log back-off weight with which each context of `path` is reached."""
    weights = np.zeros(len(path))
    for i in range(1, len(path)):
        weights[i] = weights[i - 1] + trie.backoff[path[i - 1]]
    return weights


@njit(nogil=True, cache=True)
def offer(
    trie: Trie, path: NDArray[np.int64], values: NDArray[np.float32], words: NDArray[np.int64], value: float, word: int
) -> None:
    """Insert `word` into the best so far, by falling value, then rising id; the last drops out.

    Nothing happens if it is no better than the last, or if one of `path`, the longer contexts, has listed it.
    """
    at = len(values) - 1
    if value < values[at] or (value == values[at] and word > words[at]):
        return
    for context in path:
        if find(trie, context, word) >= 0:
            return
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and words[at - 1] > word)):
        values[at] = values[at - 1]
        words[at] = words[at - 1]
        at -= 1
    values[at] = value
    words[at] = word


@njit(nogil=True, cache=True)
def topk(
    trie: Trie, state: int, ranked: NDArray[np.int64], values: NDArray[np.float32], words: NDArray[np.int64]
) -> None:
    """Write the best words and their log-probabilities into `words` and `values` [k], k from 1 to V.

    `ranked` [V] holds the unigrams by falling probability, then rising id: where they fall below the worst of the
    list, the rest need no look.
    """
    last = len(values) - 1
    values[:] = -np.inf
    words[:] = len(ranked)
    path = contexts(trie, state)
    weights = path_weights(trie, path)
    for i in range(len(path) - 1):
        longer = path[:i]
        for node in range(trie.children[path[i]], trie.children[path[i] + 1]):
            value = np.float32(weights[i] + trie.logprob[node])
            if value >= values[last]:
                offer(trie, longer, values, words, float(value), int(trie.token[node]))
    longer = path[:-1]
    for word in ranked:
        value = np.float32(weights[-1] + trie.logprob[1 + word])
        if value < values[last]:
            break
        offer(trie, longer, values, words, float(value), word)
