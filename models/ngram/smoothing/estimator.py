"""Estimation of a back-off table: smooth, prune, build and quantize, as an `NgramConfig` says.

`estimate_from_tokens` begins with token ids, `estimate_from_counts` with counts. `_SMOOTHINGS` names smoothings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.closed import without_unknown
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams
from models.ngram.quantization import quantize
from models.ngram.smoothing.absolute_discounting import backoff_absolute, interpolated_absolute
from models.ngram.smoothing.additive import add_delta, mle
from models.ngram.smoothing.entropy_pruning import prune_by_entropy
from models.ngram.smoothing.estimate import Estimate, Kept
from models.ngram.smoothing.jelinek_mercer import jelinek_mercer
from models.ngram.smoothing.katz import katz
from models.ngram.smoothing.kneser_ney import interpolated_kneser_ney, kneser_ney
from models.ngram.smoothing.witten_bell import witten_bell
from models.ngram.trie_builder import UnpackedOrder, pack
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.parallel import parallel_map, row_slices

RowSelection: TypeAlias = "BoolArray | slice"
"""Rows of a level that are kept: a mask, or the slice of all of them, which needs no copy."""


def estimate_from_tokens(config: NgramConfig, ids: IntArray, vocabulary_size: int) -> BackoffTable:
    """Estimate the table of `config` for `ids` [T], lines ending in `</s>`; raises as `count_ngrams` does."""
    return estimate_from_counts(config, count_ngrams(ids, config.order, vocabulary_size))


def estimate_from_counts(config: NgramConfig, counts: Counts, *, closed: bool = False) -> BackoffTable:
    """Estimate the table of `config` for counts of its order; `closed`: with no probability for `<unk>`."""
    counts = without_unknown(counts) if closed else counts
    kept = kept_ngrams(counts, config.thresholds)
    estimate = apply_smoothing(config, counts, kept)
    if config.prune_entropy:
        estimate, kept = prune_by_entropy(counts, estimate, kept, config.prune_entropy)
    table = build_table(counts, estimate, kept)
    return table if config.bits == 32 else quantize(table, config.bits)


_SMOOTHINGS: dict[Smoothing, Callable[[NgramConfig, Counts, Kept], Estimate]] = {
    "mle": lambda _, counts, __: mle(counts),
    "add_delta": lambda config, counts, _: add_delta(counts, config.delta),
    "backoff": lambda _, counts, kept: backoff_absolute(counts, kept),
    "katz": lambda _, counts, kept: katz(counts, kept),
    "absolute": lambda config, counts, kept: interpolated_absolute(counts, kept, config.discount),
    "witten_bell": lambda _, counts, kept: witten_bell(counts, kept),
    "jelinek_mercer": lambda _, counts, kept: jelinek_mercer(counts, kept),
    "interpolated_kneser_ney": lambda config, counts, kept: interpolated_kneser_ney(counts, kept, config.discount),
    "kneser_ney": lambda _, counts, kept: kneser_ney(counts, kept),
}


_FALLBACKS: dict[Smoothing, str] = {
    "kneser_ney": "0.5, 1 and 1.5 were taken, as by `lmplz --discount_fallback`",
    "katz": "absolute discounting was used",
}
"""What a smoothing does without discounts of its own; the others take one of 0.5."""


def fallback_notes(config: NgramConfig, table: BackoffTable) -> list[str]:
    """Return a sentence on the orders whose discounts could not be estimated; none where all could.

    >>> config = NgramConfig(order=2)
    >>> fallback_notes(config, estimate_from_tokens(config, np.array([2, 3, 1, 2, 3, 1]), 4))[0][:60]
    'the counts of orders 1, 2 give no discounts, as on small or '
    """
    orders = ", ".join(map(str, table.details.get("fallback_orders", [])))
    if not orders:
        return []
    taken = _FALLBACKS.get(config.smoothing, "0.5 was taken")
    name = "orders" if "," in orders else "order"
    return [f"the counts of {name} {orders} give no discounts, as on small or repetitive texts: {taken}"]


def apply_smoothing(config: NgramConfig, counts: Counts, kept: Kept) -> Estimate:
    """Apply the smoothing that `config` names."""
    return _SMOOTHINGS[config.smoothing](config, counts, kept)


def kept_ngrams(counts: Counts, thresholds: tuple[int, ...]) -> Kept:
    """Select the n-grams that occur more often than their order's threshold; all words are kept.

    Thresholds never fall with the order, so what remains of a kept n-gram without its first or last word is kept.
    """
    longer = [level.count > t for level, t in zip(counts.levels[1:], thresholds[1:], strict=True)]
    return [np.ones(counts.vocabulary_size, np.bool_), *longer]


def build_table(counts: Counts, estimate: Estimate, kept: Kept) -> BackoffTable:
    """Drop n-grams that are not kept, take logarithms, and pack the table."""
    selections: list[RowSelection] = [slice(None) if rows.all() else rows for rows in kept]
    orders: list[UnpackedOrder] = []
    for n, (level, rows) in enumerate(zip(counts.levels, selections, strict=True)):
        shorter = kept[n - 1] if n and not isinstance(selections[n - 1], slice) else None
        child_offsets: IntArray = np.zeros(0, np.int64)
        weights: Float64Array = np.zeros(0)
        if n + 1 < len(selections):
            child_offsets = _kept_child_offsets(counts.levels[n + 1].child_offsets, rows, selections[n + 1])
            weights = estimate.backoff_weights[n + 1][rows]
        logprobs = safe_log(estimate.probabilities[n][rows], most=0.0)
        closed = shorter is None or bool(shorter[level.suffix[rows]].all())
        orders.append(UnpackedOrder(level.token[rows], logprobs, child_offsets, safe_log(weights), closed))
    return BackoffTable(pack(orders), estimate.details)


def _kept_child_offsets(child_offsets: IntArray, rows: RowSelection, child_rows: RowSelection) -> IntArray:
    """Return child offsets of kept `rows` among kept `child_rows`, which are children of kept ones only."""
    if not isinstance(child_rows, slice):
        child_offsets = np.concatenate([[0], np.cumsum(child_rows)])[child_offsets]
    return child_offsets if isinstance(rows, slice) else np.append(child_offsets[:-1][rows], child_offsets[-1])


def safe_log(values: Float64Array, most: float = np.inf) -> NDArray[np.float32]:
    """Return natural logarithms, at most `most`; -inf for zero and for what rounding took below it."""
    logs = np.empty(len(values), np.float32)

    def fill(part: slice) -> None:
        part_logs = np.full_like(values[part], -np.inf)
        np.log(values[part], out=part_logs, where=values[part] > 0)
        logs[part] = np.minimum(part_logs, most)

    parallel_map(fill, row_slices(len(values)))
    return logs
