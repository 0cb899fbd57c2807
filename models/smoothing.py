"""Token ids to a back-off table, by the smoothing a config names.

It knows which n-grams a table keeps and how estimates become one; the estimates themselves have files of their own.
It does not know text or files.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch

from models.absolute import absolute, backoff
from models.counts import Counts, count
from models.entropy import pruned
from models.estimate import Bools, Estimate, Floats, Kept
from models.jelinek_mercer import jelinek_mercer
from models.katz import katz
from models.kneser_ney import kneser_ney, one_discount
from models.ngram import NgramConfig, Smoothing
from models.quantisation import quantise
from models.relative import add_delta, mle
from models.suffix_order import Ints
from models.tables import BackoffTables, Entries
from models.witten_bell import witten_bell

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
    kind = np.int32 if sum(map(len, counts.levels)) < 2**31 - 1 else np.int64
    orders: list[Entries] = []
    backoff: list[Floats] = []
    listed: Rows = slice(None)
    nodes: Ints = np.zeros(1, kind)  # of each n-gram one order below, or of the longest listed one that ends it
    begin = 1
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        logprobs = list(pool.map(log, estimate.probabilities))
    for level, chosen, logs, weights in zip(counts.levels, kept, logprobs, estimate.weights, strict=True):
        rows: Rows = slice(None) if chosen.all() else chosen
        parent, suffix = np.repeat(nodes, np.diff(level.begins))[rows], nodes[level.suffix]
        orders.append(Entries(parent, level.token[rows], suffix[rows], np.minimum(logs[rows], 0.0)))
        backoff.append(log(np.maximum(weights[listed], 0.0)))
        nodes, listed = _numbered(chosen, rows, suffix, begin), rows
        begin += len(orders[-1].token)
    return BackoffTables.assemble(orders, backoff, estimate.facts)


def _numbered(chosen: Bools, rows: Rows, suffix: Ints, begin: int) -> Ints:
    """The node of each n-gram of an order whose nodes begin there, or of the longest listed one that ends it."""
    if isinstance(rows, slice):
        return np.arange(begin, begin + len(chosen), dtype=suffix.dtype)
    return np.where(chosen, begin - 1 + np.cumsum(chosen, dtype=suffix.dtype), suffix)


def log(values: Floats) -> Floats:
    """Natural logarithms; that of zero is -inf, without a warning."""
    return np.log(values, out=np.full_like(values, -np.inf), where=values > 0)
