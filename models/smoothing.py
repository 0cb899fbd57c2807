"""Token ids to a back-off table, by the smoothing a config names.

It knows which n-grams a table keeps and how estimates become one; the estimates themselves are `relative`,
`absolute` and `kneser_ney`. It does not know text or files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.absolute import backoff
from models.counts import Counts, count
from models.estimate import Estimate, Floats, Kept
from models.kneser_ney import kneser_ney
from models.ngram import NgramConfig
from models.relative import add_delta, mle
from models.suffix_order import Ints
from models.tables import BackoffTables, Entries


def estimate(config: NgramConfig, ids: Ints, vocabulary_size: int) -> BackoffTables:
    """The table of `config` for `ids` [T], lines each ending in `</s>`.

    Raises TrainingFailed where there are no tokens, InvalidInput for ids outside the vocabulary.
    """
    counts = count(ids, config.order, vocabulary_size)
    kept = keep(counts, config.thresholds)
    return compiled(counts, smooth(config, counts, kept), kept)


def smooth(config: NgramConfig, counts: Counts, kept: Kept) -> Estimate:
    """Apply the smoothing that `config` names."""
    match config.smoothing:
        case "mle":
            return mle(counts)
        case "add_delta":
            return add_delta(counts, config.delta)
        case "backoff":
            return backoff(counts, kept)
        case "kneser_ney":
            return kneser_ney(counts, kept)


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
    nodes, begin = np.zeros(1, np.int64), 1
    for level, chosen, p, weights in zip(counts.levels, kept, estimate.probabilities, estimate.weights, strict=True):
        rows: NDArray[np.bool_] | slice = slice(None) if chosen.all() else chosen
        parent = np.repeat(nodes, np.diff(level.begins))[rows]
        orders.append(Entries(parent, level.token[rows], nodes[level.suffix[rows]], log(np.minimum(p[rows], 1.0))))
        backoff.append(log(np.maximum(weights[nodes >= 0], 0.0)))
        nodes = np.where(chosen, begin - 1 + np.cumsum(chosen, dtype=nodes.dtype), -1)
        begin += len(orders[-1].token)
    return BackoffTables.assemble(orders, backoff, estimate.facts)


def log(values: Floats) -> Floats:
    """Natural logarithms; that of zero is -inf, without a warning."""
    return np.log(values, out=np.full_like(values, -np.inf), where=values > 0)
