"""Quantization of a back-off table: log-probabilities are rounded to a codebook.

As in KenLM (Heafield 2011, section 3.2) each order has its own codebook; bins begin with equal counts and are moved
by Lloyd's algorithm (1982). Unigrams stay as they are. Back-off weights are worked out again so that distributions
go on summing to one. Fewer distinct numbers make a smaller table because `trie_builder.pack` then uses codebooks.
"""

from __future__ import annotations

import numpy as np

from models.errors import InvalidInput
from models.kernels.jit import Floats, Int, compiled
from models.ngram.backoff_table import BackoffTable
from models.ngram.trie import Trie, child_range, find_child, token
from models.ngram.trie_builder import pack
from models.utils.arrays import Float64Array, Int32Array, Int64Array, IntArray

BACKOFF_STEPS_PER_NAT = 4096
"""Back-off weights are rounded to this many steps a nat: 16 bits hold each weight from e^-16 to 1."""
MAX_SUM_ERROR = 1e-3
"""Largest deviation of a distribution's sum from one that is accepted."""
_LLOYD_ROUNDS = 20


def quantize(table: BackoffTable, bits: int) -> BackoffTable:
    """Return `table` with log-probabilities of `bits` bits; `details` tell how far from one sums may be.

    Raises InvalidInput where that is more than MAX_SUM_ERROR: a context that lists all words, or passes nothing on,
    has no weight that could make good what rounding changes.
    """
    orders, trie = table.unpack_orders(), table.trie
    begins = np.cumsum([0, 0, *table.order_sizes])  # of order 0, which has no n-grams, to order N + 1
    logprobs = np.concatenate([order.logprob for order in orders])
    weights = np.concatenate([order.backoff for order in orders])
    paths, error = np.empty((table.order_sizes[0], 0), np.int32), 0.0
    for n in range(2, table.order + 1):
        order, contexts = orders[n - 1], orders[n - 2]
        codebook = lloyd_codebook(order.logprob, 2**bits)
        codes = np.searchsorted((codebook[1:] + codebook[:-1]) / 2, order.logprob)
        exact, lower = np.exp(order.logprob.astype(np.float64)), np.empty(len(codes))
        lower_order_probabilities(trie, n, paths, begins, logprobs, weights, lower)
        context_weights = weights[begins[n - 1] : begins[n - 1] + len(contexts.token)]
        error += renormalize(contexts.child_offsets, exact, lower, codebook, codes, context_weights)
        logprobs[begins[n] : begins[n] + len(codes)] = codebook[codes]
        if n < table.order:
            longer_paths = np.empty((len(codes), n - 1), np.int32)
            extend_suffixes(trie, n, paths, longer_paths)
            paths = longer_paths
    if error > MAX_SUM_ERROR:
        raise InvalidInput("bits", f"in {bits} bits, distributions would sum to one only within {error:.2g}")
    rounded = [
        order._replace(
            logprob=logprobs[begins[n] : begins[n + 1]], backoff=weights[begins[n] : begins[n] + len(order.backoff)]
        )
        for n, order in enumerate(orders, start=1)
    ]
    return BackoffTable(pack(rounded), {**table.details, "quantised": {"bits": bits, "sums_within": error}})


def lloyd_codebook(values: Floats, size: int) -> Floats:
    """Return at most `size` ascending numbers that stand for `values`; minus infinity stands for itself."""
    finite = np.sort(values[values > -np.inf]).astype(np.float64)
    infinite = np.full(int(len(finite) < len(values)), -np.inf)
    sums = np.concatenate([[0.0], np.cumsum(finite)])
    edges = np.linspace(0, len(finite), size - len(infinite) + 1).astype(np.int64)
    means = np.zeros(0)
    for _ in range(_LLOYD_ROUNDS):
        edges = np.unique(edges)
        means = np.diff(sums[edges]) / np.diff(edges)
        edges = np.concatenate([[0], np.searchsorted(finite, (means[1:] + means[:-1]) / 2), [len(finite)]])
    return np.unique(np.concatenate([infinite, means]).astype(np.float32))


@compiled
def extend_suffixes(trie: Trie, n: Int, paths: Int32Array, longer: Int32Array) -> None:
    """Write the suffixes [M, n - 1] of the n-grams of order n, given those of their contexts [K, n - 2].

    Entry j - 1 of a row is the place of the last j words, -1 where they are not listed.
    """
    for context in range(trie.levels[n - 1].size):
        begin, size = child_range(trie, n - 1, context)
        for child in range(begin, begin + size):
            word = token(trie, n, child)
            longer[child, 0] = word
            for j in range(1, n - 1):
                suffix = np.int64(paths[context, j - 1])
                longer[child, j] = find_child(trie, j, suffix, word) if suffix >= 0 else -1


@compiled
def lower_order_probabilities(
    trie: Trie, n: Int, paths: Int32Array, begins: Int64Array, logprobs: Floats, weights: Floats, out: Float64Array
) -> None:
    """Write P(last word | the words before it but the first) of each n-gram of order n into `out` [M].

    Probabilities and weights are those of `logprobs` and `weights`, in which order m begins at `begins[m]`.
    """
    for context in range(trie.levels[n - 1].size):
        begin, size = child_range(trie, n - 1, context)
        for child in range(begin, begin + size):
            word = token(trie, n, child)
            place: Int = np.int64(-1)
            total, m = 0.0, n - 2
            while m > 0 and place < 0:
                suffix = np.int64(paths[context, m - 1])
                if suffix >= 0:
                    place = find_child(trie, m, suffix, word)
                    if place < 0:
                        total += weights[begins[m] + suffix]
                m -= 1 if place < 0 else 0
            out[child] = np.exp(total + logprobs[begins[m + 1] + (place if m > 0 else word)])


@compiled
def renormalize(
    child_offsets: IntArray,
    exact: Float64Array,
    lower: Float64Array,
    codebook: Floats,
    codes: Int64Array,
    weights: Floats,
) -> float:
    """Replace the log `weights` [K] so that distributions sum to one; return the largest deviation.

    `exact` are the probabilities before rounding to `codes` of the `codebook`, `lower` those of the same words one
    order below. Where rounding would leave less than half of what `exact` leaves of one, the most probable words are
    rounded down.
    """
    error = 0.0
    for context in range(len(weights)):
        begin, end = child_offsets[context], child_offsets[context + 1]
        if begin < end:
            mass, lower_mass = 0.0, 0.0
            for child in range(begin, end):
                mass += exact[child]
                lower_mass += lower[child]
            limit = min(1 - (1 - mass) / 2, 1 - 1e-6) if lower_mass < 1 - 1e-6 else 1.0
            mass = round_down_to_fit(codebook, codes[begin:end], limit)
            weight = np.log(max(1 - mass, 1e-12) / max(1 - lower_mass, 1e-12)) if lower_mass < 1 - 1e-6 else 0.0
            weights[context] = np.floor(weight * BACKOFF_STEPS_PER_NAT + 0.5) / BACKOFF_STEPS_PER_NAT
            error = max(error, abs(mass + np.exp(np.float64(weights[context])) * (1 - lower_mass) - 1))
    return error


@compiled
def round_down_to_fit(codebook: Floats, codes: Int64Array, limit: float) -> float:
    """Lower the largest of `codes` until their probabilities sum to at most `limit`; return the sum."""
    total = 0.0
    for i in range(len(codes)):
        total += np.exp(np.float64(codebook[codes[i]]))
    while total > limit:
        largest = 0
        for i in range(len(codes)):
            if codes[i] > codes[largest]:
                largest = i
        if codes[largest] == 0:
            break
        total -= np.exp(np.float64(codebook[codes[largest]])) - np.exp(np.float64(codebook[codes[largest] - 1]))
        codes[largest] -= 1
    return total
