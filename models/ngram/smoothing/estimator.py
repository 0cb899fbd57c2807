"""Token ids to a back-off table, by the smoothing a config names.

It knows which n-grams a table keeps and how estimates become one; the estimates themselves have files of their own.
It does not know text or files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.ngram.backoff_table import BackoffTables
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count
from models.ngram.quantization import quantise
from models.ngram.smoothing.absolute_discounting import absolute, backoff
from models.ngram.smoothing.additive import add_delta, mle
from models.ngram.smoothing.entropy_pruning import pruned
from models.ngram.smoothing.estimate import Bools, Estimate, Floats, Kept
from models.ngram.smoothing.jelinek_mercer import jelinek_mercer
from models.ngram.smoothing.katz import katz
from models.ngram.smoothing.kneser_ney import kneser_ney, one_discount
from models.ngram.smoothing.witten_bell import witten_bell
from models.ngram.trie_builder import Order, pack
from models.utils.arrays import Ints
from models.utils.parallel import each, slices

Rows: TypeAlias = "Bools | slice"
"""Some rows of a level, or all: those need no copy."""


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
    chosen: list[Rows] = [slice(None) if rows.all() else rows for rows in kept]
    orders: list[Order] = []
    for n, (level, rows) in enumerate(zip(counts.levels, chosen, strict=True)):
        shorter = kept[n - 1] if n and not isinstance(chosen[n - 1], slice) else None
        runs: Ints = np.zeros(0, np.int64)
        weights: Floats = np.zeros(0)
        if n + 1 < len(chosen):
            runs, weights = _runs(counts.levels[n + 1].begins, rows, chosen[n + 1]), estimate.weights[n + 1][rows]
        orders.append(
            Order(
                level.token[rows],
                logarithms(estimate.probabilities[n][rows], most=0.0),
                runs,
                logarithms(weights),
                closed=shorter is None or bool(shorter[level.suffix[rows]].all()),
            )
        )
    return BackoffTables(pack(orders), estimate.facts)


def _runs(begins: Ints, rows: Rows, longer: Rows) -> Ints:
    """Where among the kept n-grams one order up, `longer`, begin those of each of `rows`, and where the last ones end.

    What is not kept lists nothing that is.
    """
    if not isinstance(longer, slice):
        begins = np.concatenate([[0], np.cumsum(longer)])[begins]
    return begins if isinstance(rows, slice) else np.append(begins[:-1][rows], begins[-1])


def logarithms(values: Floats, most: float = np.inf) -> NDArray[np.float32]:
    """Natural logarithms, at the `most` that; those of zero, and of what rounding took below, are -inf."""
    logs = np.empty(len(values), np.float32)

    def take(part: slice) -> None:
        found = np.full_like(values[part], -np.inf)
        np.log(values[part], out=found, where=values[part] > 0)
        logs[part] = np.minimum(found, most)

    each(take, slices(len(values)))
    return logs
