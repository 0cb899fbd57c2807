"""Token ids to a back-off table, by the smoothing a config names.

It knows which n-grams a table keeps and how estimates become one; the estimates themselves have files of their own.
It does not know text or files.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.absolute import absolute, backoff
from models.counts import Counts, count
from models.entropy import pruned
from models.estimate import Estimate, Floats, Kept
from models.jelinek_mercer import jelinek_mercer
from models.katz import katz
from models.kneser_ney import kneser_ney, one_discount
from models.ngram import NgramConfig, Smoothing
from models.quantisation import quantise
from models.relative import add_delta, mle
from models.suffix_order import Ints
from models.tables import BackoffTables, Entries
from models.witten_bell import witten_bell


def estimate(config: NgramConfig, ids: Ints, vocabulary_size: int) -> BackoffTables:
    """The table of `config` for `ids` [T], lines each ending in `</s>`.

    Raises TrainingFailed where there are no tokens, InvalidInput for ids outside the vocabulary.
    """
    counts = count(ids, config.order, vocabulary_size)
    return tabulate(config, counts)


def tabulate(config: NgramConfig, counts: Counts) -> BackoffTables:
    """The table of `config` for counts of its order."""
    kept = keep(counts, config.thresholds)
    estimate = smooth(config, counts, kept)
    if config.prune_entropy:
        estimate, kept = pruned(counts, estimate, kept, config.prune_entropy)
    tables = compiled(counts, estimate, kept)
    return tables if config.bits == 32 else quantise(tables, config.bits)


_SMOOTHINGS: dict[Smoothing, Callable[[NgramConfig, Counts, Kept], Estimate]] = {
    "mle": lambda _, counts, __: mle(counts),
    "add_delta": lambda config, counts, _: add_delta(counts, config.delta),
    "backoff": lambda _, counts, kept: backoff(counts, kept),
    "katz": lambda _, counts, kept: katz(counts, kept),
    "absolute": lambda config, counts, kept: absolute(counts, kept, config.discount),
    "witten_bell": lambda _, counts, kept: witten_bell(counts, kept),
    "jelinek_mercer": lambda _, counts, kept: jelinek_mercer(counts, kept),
    "interpolated_kneser_ney": lambda config, counts, kept: one_discount(counts, kept, config.discount),
    "kneser_ney": lambda _, counts, kept: kneser_ney(counts, kept),
}


def smooth(config: NgramConfig, counts: Counts, kept: Kept) -> Estimate:
    """Apply the smoothing that `config` names."""
    return _SMOOTHINGS[config.smoothing](config, counts, kept)


def keep(counts: Counts, thresholds: tuple[int, ...]) -> Kept:
    """Which n-grams occur more often than their order's threshold; all words are kept.

    Thresholds never fall with the order, so what remains of a kept n-gram without its first or last word is kept.
    """
    longer = [level.count > t for level, t in zip(counts.levels[1:], thresholds[1:], strict=True)]
    return [np.ones(counts.vocabulary_size, np.bool_), *longer]


def compiled(counts: Counts, estimate: Estimate, kept: Kept) -> BackoffTables:
    """Drop what is not kept, take logarithms, lay out the table."""
    orders: list[Entries] = []
    backoff: list[Floats] = []
    listed = np.ones(1, np.bool_)
    nodes, begin = np.zeros(1, np.int64), 1  # of each n-gram one order below, or of the longest listed one that ends it
    for level, chosen, p, weights in zip(counts.levels, kept, estimate.probabilities, estimate.weights, strict=True):
        rows: NDArray[np.bool_] | slice = slice(None) if chosen.all() else chosen
        parent = np.repeat(nodes, np.diff(level.begins))[rows]
        suffix = nodes[level.suffix]
        orders.append(Entries(parent, level.token[rows], suffix[rows], log(np.minimum(p[rows], 1.0))))
        backoff.append(log(np.maximum(weights[listed], 0.0)))
        nodes, listed = np.where(chosen, begin - 1 + np.cumsum(chosen, dtype=np.int64), suffix), chosen
        begin += len(orders[-1].token)
    return BackoffTables.assemble(orders, backoff, estimate.facts)


def log(values: Floats) -> Floats:
    """Natural logarithms; that of zero is -inf, without a warning."""
    return np.log(values, out=np.full_like(values, -np.inf), where=values > 0)
