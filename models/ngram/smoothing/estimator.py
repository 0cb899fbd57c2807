"""Estimation of a back-off table: smooth, prune, build and quantize, as an `NgramConfig` says.

`estimate_from_tokens` begins with token ids, `estimate_from_counts` with counts. `_SMOOTHINGS` names smoothings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.count_table import Level
from models.ngram.counting.closed import without_unknown
from models.ngram.counting.counts import Counts
from models.ngram.counting.extraction import count_ngrams
from models.ngram.quantization import quantize
from models.ngram.smoothing.absolute_discounting import backoff_absolute, interpolated_absolute
from models.ngram.smoothing.additive import add_delta, mle
from models.ngram.smoothing.entropy_pruning import prune_by_entropy
from models.ngram.smoothing.estimate import Estimate, Kept, level_parts, sum_by_context
from models.ngram.smoothing.jelinek_mercer import jelinek_mercer
from models.ngram.smoothing.katz import katz
from models.ngram.smoothing.kneser_ney import interpolated_kneser_ney, kneser_ney
from models.ngram.smoothing.witten_bell import witten_bell
from models.ngram.trie_builder import UnpackedOrder, pack
from models.utils.arrays import BoolArray, Float64Array, IntArray
from models.utils.parallel import parallel_imap
from models.utils.scratch import Scratch


def estimate_from_tokens(config: NgramConfig, ids: IntArray, vocabulary_size: int) -> BackoffTable:
    """Estimate the table of `config` for `ids` [T], lines ending in `</s>`; raises as `count_ngrams` does."""
    return estimate_from_counts(config, count_ngrams(ids, config.order, vocabulary_size))


def estimate_from_counts(
    config: NgramConfig, counts: Counts, *, closed: bool = False, scratch: Scratch | None = None
) -> BackoffTable:
    """Estimate the table of `config` for counts of its order; `closed`: with no probability for `<unk>`.

    Within the budget of `scratch`, counts and table lie on disk and are worked on in pieces; the table is the same.
    Raises InvalidInput where what is asked for cannot be done in pieces, nor in the memory that is left.
    """
    scratch = scratch or Scratch()
    _require_memory(config, counts, closed, scratch)
    counts = without_unknown(counts) if closed else counts
    kept = kept_ngrams(counts, config.thresholds, scratch)
    estimate = apply_smoothing(config, counts, kept, scratch)
    if config.prune_entropy:
        estimate, kept = prune_by_entropy(counts, estimate, kept, config.prune_entropy)
    table = build_table(counts, estimate, kept, scratch)
    return table if config.bits == 32 else quantize(table, config.bits)


def _require_memory(config: NgramConfig, counts: Counts, closed: bool, scratch: Scratch) -> None:
    """Raise InvalidInput where a step needs all n-grams in memory, and they do not fit."""
    needs = {
        f"the smoothing {config.smoothing}": config.smoothing in _WHOLE_SMOOTHINGS,
        "prune_entropy": config.prune_entropy > 0,
        f"numbers of {config.bits} bits": config.bits < 32,
        "a closed vocabulary": closed,
    }
    size = sum(map(len, counts.levels))
    for purpose, is_needed in needs.items():
        if is_needed:
            scratch.require(_WHOLE_BYTES_PER_NGRAM * size, f"{purpose} of {size:,} n-grams")


_WHOLE_BYTES_PER_NGRAM = 80
"""Bytes of memory that an n-gram takes in steps that do not work in pieces."""
_WHOLE_SMOOTHINGS = ("mle", "add_delta", "jelinek_mercer")
_SMOOTHINGS: dict[Smoothing, Callable[[NgramConfig, Counts, Kept, Scratch], Estimate]] = {
    "mle": lambda _, counts, __, ___: mle(counts),
    "add_delta": lambda config, counts, _, __: add_delta(counts, config.delta),
    "backoff": lambda _, counts, kept, scratch: backoff_absolute(counts, kept, scratch),
    "katz": lambda _, counts, kept, scratch: katz(counts, kept, scratch),
    "absolute": lambda config, counts, kept, scratch: interpolated_absolute(counts, kept, scratch, config.discount),
    "witten_bell": lambda _, counts, kept, scratch: witten_bell(counts, kept, scratch),
    "jelinek_mercer": lambda _, counts, kept, scratch: jelinek_mercer(counts, kept, scratch),
    "interpolated_kneser_ney": lambda config, counts, kept, scratch: interpolated_kneser_ney(
        counts, kept, scratch, config.discount
    ),
    "kneser_ney": lambda _, counts, kept, scratch: kneser_ney(counts, kept, scratch),
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


def apply_smoothing(config: NgramConfig, counts: Counts, kept: Kept, scratch: Scratch | None = None) -> Estimate:
    """Apply the smoothing that `config` names."""
    return _SMOOTHINGS[config.smoothing](config, counts, kept, scratch or Scratch())


def kept_ngrams(counts: Counts, thresholds: tuple[int, ...], scratch: Scratch | None = None) -> Kept:
    """Select the n-grams that occur more often than their order's threshold; all words are kept.

    Thresholds never fall with the order, so what remains of a kept n-gram without its first or last word is kept.
    """
    scratch = scratch or Scratch()
    kept = [np.ones(counts.vocabulary_size, np.bool_)]
    for level, threshold in zip(counts.levels[1:], thresholds[1:], strict=True):
        kept.append(scratch.empty(len(level), np.bool_))
        for part in scratch.slices(len(level)):
            np.greater(level.count[part], threshold, out=kept[-1][part])
    return kept


def build_table(counts: Counts, estimate: Estimate, kept: Kept, scratch: Scratch | None = None) -> BackoffTable:
    """Drop n-grams that are not kept, take logarithms, and pack the table."""
    scratch = scratch or Scratch()
    all_kept = [_is_all(rows, scratch) for rows in kept]
    orders: list[UnpackedOrder] = []
    for n, (level, rows) in enumerate(zip(counts.levels, kept, strict=True)):
        tokens = level.token if all_kept[n] else select_kept(level.token, rows, scratch)
        child_offsets: IntArray = np.zeros(0, np.int64)
        weights = np.zeros(0, np.float32)
        if n + 1 < len(kept):
            child_offsets = counts.levels[n + 1].child_offsets
            if not (all_kept[n] and all_kept[n + 1]):
                child_offsets = kept_child_offsets(counts.levels[n + 1], rows, kept[n + 1], scratch)
            weights = safe_log(estimate.backoff_weights[n + 1], rows, scratch)
        logprobs = safe_log(estimate.probabilities[n], rows, scratch, most=0.0)
        closed = n == 0 or all_kept[n - 1] or _are_suffixes_kept(level, rows, kept[n - 1], scratch)
        orders.append(UnpackedOrder(tokens, logprobs, child_offsets, weights, closed))
    return BackoffTable(pack(orders, scratch), estimate.details)


def _is_all(rows: BoolArray, scratch: Scratch) -> bool:
    """Return whether all rows are kept."""
    return all(bool(rows[part].all()) for part in scratch.slices(len(rows)))


def _are_suffixes_kept(level: Level, rows: BoolArray, shorter: BoolArray, scratch: Scratch) -> bool:
    """Return whether each kept n-gram is kept without its first word too."""
    parts = scratch.slices(len(level))
    return all(bool(shorter[level.suffix[part][rows[part]]].all()) for part in parts)


def select_kept(values: IntArray, rows: BoolArray, scratch: Scratch) -> IntArray:
    """Return the values of kept rows."""
    selected = scratch.growing(values.dtype)
    for part in scratch.slices(len(values)):
        selected.append(values[part][rows[part]])
    return selected.finish()


def kept_child_offsets(longer: Level, rows: BoolArray, child_rows: BoolArray, scratch: Scratch) -> IntArray:
    """Return child offsets of kept `rows` among kept `child_rows`, which are children of kept ones only."""
    offsets = scratch.growing(longer.child_offsets.dtype)
    offsets.append(np.zeros(1, np.int64))
    end = 0
    for part in level_parts(longer):
        sizes = sum_by_context(part.level, child_rows[part.rows]).astype(np.int64)[rows[part.contexts]]
        ends = end + np.cumsum(sizes)
        offsets.append(ends)
        end = int(ends[-1]) if len(ends) else end
        scratch.trim()
    return offsets.finish()


def safe_log(values: Float64Array, rows: BoolArray, scratch: Scratch, most: float = np.inf) -> NDArray[np.float32]:
    """Return natural logarithms of kept rows, at most `most`; -inf for zero and below."""
    logs = scratch.growing(np.float32)

    def logarithms(part: slice) -> NDArray[np.float32]:
        kept_values = values[part][rows[part]]
        part_logs = np.full_like(kept_values, -np.inf)
        np.log(kept_values, out=part_logs, where=kept_values > 0)
        return np.minimum(part_logs, most).astype(np.float32)

    for part_logs in parallel_imap(logarithms, scratch.slices(len(values))):
        logs.append(part_logs)
    return logs.finish()
