"""A back-off table in fewer bits: log-probabilities rounded to a book of them, weights worked out anew.

It knows how numbers are binned and that distributions must go on summing to one. It does not know how a table is
packed: fewer distinct numbers take fewer bits by themselves. As in KenLM (Heafield 2011, section 3.2) each order has a
book of its own; bins begin with equal counts and are moved by Lloyd's algorithm (1982). Unigrams stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.kernels.jit import Int, compiled
from models.ngram.backoff_table import BackoffTable
from models.ngram.trie import Trie, child_range, find_child, token
from models.ngram.trie_builder import pack

Floats = NDArray[np.float64]

BACKOFF_STEPS_PER_NAT = 4096
"""Back-off weights are rounded to so many steps a nat: 16 bits hold every weight from e^-16 to 1."""
MAX_SUM_ERROR = 1e-3
"""Distributions may sum to one within this."""
_LLOYD_ROUNDS = 20


def quantize(tables: BackoffTable, bits: int) -> BackoffTable:
    """`tables` with log-probabilities of `bits` bits; `facts` say how far from one a distribution may sum.

    Raises InvalidInput where that is more than LARGEST_ERROR: a context that lists all words, or passes nothing on,
    has no weight that could make good what rounding changes.
    """
    orders, trie = tables.unpack_orders(), tables.trie
    begins = np.cumsum([0, 0, *tables.order_sizes])  # of order 0, which has none, to order N + 1
    logprobs = np.concatenate([order.logprob for order in orders])
    weights = np.concatenate([order.backoff for order in orders])
    paths, error = np.empty((tables.order_sizes[0], 0), np.int32), 0.0
    for n in range(2, tables.order + 1):
        order = orders[n - 1]
        book = lloyd_codebook(order.logprob, 2**bits)
        fields = np.searchsorted((book[1:] + book[:-1]) / 2, order.logprob)
        lower = np.empty(len(fields))
        lower_order_probabilities(trie, n, paths, begins, logprobs, weights, lower)
        before = weights[begins[n - 1] : begins[n - 1] + tables.order_sizes[n - 2]]
        apart = renormalize(
            orders[n - 2].child_offsets, np.exp(order.logprob.astype(np.float64)), lower, book, fields, before
        )
        error = error + apart
        logprobs[begins[n] : begins[n] + len(fields)] = book[fields]
        if n < tables.order:
            longer = np.empty((len(fields), n - 1), np.int32)
            extend_suffixes(trie, n, paths, longer)
            paths = longer
    if error > MAX_SUM_ERROR:
        raise InvalidInput("bits", f"in {bits} bits, distributions would sum to one only within {error:.2g}")
    rounded = [
        order._replace(
            logprob=logprobs[begins[n] : begins[n + 1]],
            backoff=weights[begins[n] : begins[n] + len(order.backoff)],
        )
        for n, order in enumerate(orders, start=1)
    ]
    return BackoffTable(pack(rounded), {**tables.details, "quantised": {"bits": bits, "sums_within": error}})


def lloyd_codebook(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """At most `size` numbers, rising, that stand for `values`; minus infinity stands for itself."""
    possible = np.sort(values[values > -np.inf]).astype(np.float64)
    impossible = np.full(int(len(possible) < len(values)), -np.inf)
    sums = np.concatenate([[0.0], np.cumsum(possible)])
    edges = np.linspace(0, len(possible), size - len(impossible) + 1).astype(np.int64)
    means = np.zeros(0)
    for _ in range(_LLOYD_ROUNDS):
        edges = np.unique(edges)
        means = np.diff(sums[edges]) / np.diff(edges)
        edges = np.concatenate([[0], np.searchsorted(possible, (means[1:] + means[:-1]) / 2), [len(possible)]])
    return np.unique(np.concatenate([impossible, means]).astype(np.float32))


@compiled
def extend_suffixes(trie: Trie, n: Int, paths: NDArray[np.int32], longer: NDArray[np.int32]) -> None:
    """The suffixes `longer` [M, n - 1] of the n-grams of order n, given those of their contexts `paths` [K, n - 2].

    Entry j - 1 of a row is the place of the last j words, -1 where they are not listed.
    """
    for context in range(trie.levels[n - 1].size):
        begin, length = child_range(trie, n - 1, context)
        for i in range(begin, begin + length):
            word = token(trie, n, i)
            longer[i, 0] = word
            for j in range(1, n - 1):
                place = np.int64(paths[context, j - 1])
                longer[i, j] = find_child(trie, j, place, word) if place >= 0 else -1


@compiled
def lower_order_probabilities(
    trie: Trie,
    n: Int,
    paths: NDArray[np.int32],
    begins: NDArray[np.int64],
    logprobs: NDArray[np.float32],
    weights: NDArray[np.float32],
    out: Floats,
) -> None:
    """Write P(last word | the words before it but the first) of each n-gram of order n into `out` [M].

    Probabilities and weights are those of `logprobs` and `weights`, in which order m begins at `begins[m]`.
    """
    for context in range(trie.levels[n - 1].size):
        begin, length = child_range(trie, n - 1, context)
        for i in range(begin, begin + length):
            word = token(trie, n, i)
            total, place, m = 0.0, np.int64(-1), n - 2
            while m > 0 and place < 0:
                suffix = np.int64(paths[context, m - 1])
                if suffix >= 0:
                    place = find_child(trie, m, suffix, word)
                    if place < 0:
                        total += weights[begins[m] + suffix]
                m -= 1 if place < 0 else 0
            out[i] = np.exp(total + logprobs[begins[m + 1] + (place if m > 0 else word)])


@compiled
def renormalize(
    runs: NDArray[np.integer[Any]],
    exact: Floats,
    lower: Floats,
    book: NDArray[np.float32],
    fields: NDArray[np.int64],
    weights: NDArray[np.float32],
) -> float:
    """Replace the log `weights` [K] so that each context's distribution sums to one; by how much it may miss that.

    Where rounding, to `fields` of the `book`, would leave less than half of what `exact` probabilities leave, the
    most probable words are rounded down. `lower` has the probabilities of the listed words one order below.
    """
    apart = 0.0
    for context in range(len(weights)):
        begin, end = runs[context], runs[context + 1]
        if begin < end:
            mass, other = 0.0, 0.0
            for i in range(begin, end):
                mass += exact[i]
                other += lower[i]
            limit = min(1 - (1 - mass) / 2, 1 - 1e-6) if other < 1 - 1e-6 else 1.0
            mass = round_down_to_fit(book, fields[begin:end], limit)
            weight = np.log(max(1 - mass, 1e-12) / max(1 - other, 1e-12)) if other < 1 - 1e-6 else 0.0
            weights[context] = np.floor(weight * BACKOFF_STEPS_PER_NAT + 0.5) / BACKOFF_STEPS_PER_NAT
            apart = max(apart, abs(mass + np.exp(np.float64(weights[context])) * (1 - other) - 1))
    return apart


@compiled
def round_down_to_fit(book: NDArray[np.float32], fields: NDArray[np.int64], limit: float) -> float:
    """Round the largest down until the sum of probabilities is no more than `limit`; the sum."""
    total = 0.0
    for i in range(len(fields)):
        total += np.exp(np.float64(book[fields[i]]))
    while total > limit:
        largest = 0
        for i in range(len(fields)):
            if fields[i] > fields[largest]:
                largest = i
        if fields[largest] == 0:
            break
        total -= np.exp(np.float64(book[fields[largest]])) - np.exp(np.float64(book[fields[largest] - 1]))
        fields[largest] -= 1
    return total
