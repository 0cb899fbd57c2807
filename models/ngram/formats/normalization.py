"""Sums of the distributions of a back-off model, for every context of a file at once.

P(w | h) is listed, or it is the back-off weight b(h) times P(w | h'), h' being the longest suffix of h that the file
lists. With S(h) the sum over all words, L(h) the sum of what h lists, and C(h) what h' gives to the same words,

    S(h) = L(h) + b(h) (S(h') - C(h)),

so that all sums follow from those of the shorter contexts, without a vocabulary's width for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.ngram.formats.arpa_lines import BOS_TOKEN
from models.ngram.formats.sorted_ngrams import SortedNgrams, node_words
from models.special_tokens import EOS
from models.utils.arrays import Float64Array

TOLERANCE = 1e-3
"""How far the sum of a distribution may lie from one. Of a 5-gram model of the Penn Treebank, seven significant digits,
as KenLM, SRILM and this program write, keep every sum within 4e-7, six digits after the point within 3e-6, four within
3e-4, three no longer (benchmarks/quality/arpa_rounding). N-grams left out without new weights cost up to 0.7."""
_LARGEST_SUM = 1e300
"""Most that is told of a sum: JSON has no infinity."""


class NormalizationReport(NamedTuple):
    """Outcome of adding up every distribution of a model."""

    contexts: int
    """Number of contexts, the empty one among them."""
    unnormalized: int
    """How many of them have a sum further from one than TOLERANCE."""
    worst_context: list[int]
    """Token ids of the context whose sum lies furthest from one."""
    worst_sum: float
    """Sum of its distribution."""

    @property
    def is_normalized(self) -> bool:
        """Whether every distribution sums to one."""
        return not self.unnormalized


def check_normalization(orders: Sequence[SortedNgrams]) -> NormalizationReport:
    """Add up the distribution of every context of all `orders`."""
    sums = np.minimum(np.nan_to_num(context_sums(orders), nan=_LARGEST_SUM), _LARGEST_SUM)
    distances = np.abs(sums - 1)
    worst = int(np.argmax(distances))
    return NormalizationReport(
        len(sums), int(np.sum(distances > TOLERANCE)), node_words(orders, worst), float(sums[worst])
    )


def context_sums(orders: Sequence[SortedNgrams]) -> Float64Array:
    """Return the sum of the distribution of each node below the highest order; node 0 has no words.

    That of an n-gram that ends in `</s>`, which is no context, is one.
    """
    chains = _Chains(orders)
    sums = np.array([np.exp(orders[0].logprob).sum()])
    with np.errstate(over="ignore", invalid="ignore"):
        for shorter, longer in pairwise(orders):
            size, begin = len(shorter.token), len(sums)
            contexts = longer.parent - begin
            listed = np.bincount(contexts, np.exp(longer.logprob), size)
            covered = np.bincount(contexts, chains.suffix_probabilities(longer), size)
            rest = sums[shorter.suffix] - covered
            # Where a context lists every word, what is left over is rounding, which a weight may not blow up.
            passed_on = np.where(rest == 0, 0.0, np.exp(shorter.backoff) * rest)
            # Nothing is read after `</s>` but from the boundary, whose context the unigram is.
            is_end = (shorter.token == EOS) & (shorter.parent != 0)
            sums = np.concatenate([sums, np.where(is_end, 1.0, listed + passed_on)])
    return sums


class _Chains:
    """Sums of log back-off weights along every node's chain of suffixes, by which words are backed off."""

    def __init__(self, orders: Sequence[SortedNgrams]) -> None:
        self._suffix = np.concatenate([[0], *(ngrams.suffix for ngrams in orders)])
        self._parent = np.concatenate([[0], *(ngrams.parent for ngrams in orders)])
        self._logprob = np.concatenate([[0.0], *(ngrams.logprob for ngrams in orders)])
        finite, zeros = [np.zeros(1)], [np.zeros(1, np.int64)]
        for ngrams in orders:
            is_zero = np.isneginf(ngrams.backoff)
            weights, counts = np.concatenate(finite), np.concatenate(zeros)
            finite.append(np.where(is_zero, 0.0, ngrams.backoff) + weights[ngrams.suffix])
            zeros.append(is_zero + counts[ngrams.suffix])
        self._weight, self._zero_count = np.concatenate(finite), np.concatenate(zeros)
        """Of a node: the sum of its finite log weights and its suffixes', and how many of them are weights of zero."""

    def suffix_probabilities(self, ngrams: SortedNgrams) -> NDArray[np.float64]:
        """Return P(w | h') for each n-gram h w, h' being the longest listed suffix of h."""
        context = self._suffix[ngrams.parent]
        end = self._parent[ngrams.suffix]
        logprobs = self._logprob[ngrams.suffix] + self._weight[context] - self._weight[end]
        is_zero = self._zero_count[context] > self._zero_count[end]
        return np.where(is_zero, 0.0, np.exp(logprobs))


def report_details(report: NormalizationReport, vocabulary: Sequence[str]) -> dict[str, Any]:
    """Return what cards keep of a report, JSON-ready."""
    return {
        "contexts": report.contexts,
        "unnormalized_contexts": report.unnormalized,
        "worst_context": [BOS_TOKEN if i == EOS else vocabulary[i] for i in report.worst_context],
        "worst_sum": report.worst_sum,
    }
