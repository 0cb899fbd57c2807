"""Explanation of an n-gram model's distribution: the contexts it backs off along, with their numbers.

What a table alone can tell are log-probabilities, back-off weights and discounts. A model that was published with its
counts also tells c(h w), c(h) and the continuation counts that the probabilities were made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.count_table import CountTable
from models.ngram.trie import backoff, child_range, find_child, logprob


def explain_path(
    table: BackoffTable, config: NgramConfig, path: Sequence[int], words: Sequence[int], counts: CountTable | None
) -> dict[str, Any]:
    """Return the contexts that a state's `path` backs off along, longest first, JSON-ready.

    `matched_order` is the length of the n-grams that the longest matched `context` (token ids) lists. `backoff` has a
    part for each context h on the path, of which the empty one is the last: its `order`, `context`, how many words it
    has `listed`, the `weight` (a factor, not a logarithm) with which it passes on the words that it does not list, and
    the order's `discounts`, `interpolation_weights` or `delta` where its smoothing has them. `next` tells of each of
    `words` whether it is listed, and its log-probability there, in nats. With `counts`, a part has c(h), N1+(. h .)
    and N1+(h .), and a word w c(h w) and N1+(. h w).
    """
    contexts = [(n, place) for n, place in enumerate(path, start=1) if place >= 0][::-1]
    parts = [_explain_context(table, config, n, place, words, counts) for n, place in [*contexts, (0, 0)]]
    matched = [part for part in parts if part["listed"] or part["weight"] != 1.0]
    longest = {"matched_order": matched[0]["order"], "context": matched[0]["context"]}
    return longest | {"smoothing": config.smoothing, "backoff": matched}


def _explain_context(
    table: BackoffTable, config: NgramConfig, n: int, place: int, words: Sequence[int], counts: CountTable | None
) -> dict[str, Any]:
    """Return the part of a context of n words at a place of the trie; the empty one lists all words."""
    ids = table.ngram_ids(n, place) if n else []
    part: dict[str, Any] = {
        "order": n + 1,
        "context": ids,
        "listed": int(child_range(table.trie, n, place)[1]) if n else table.vocabulary_size,
        "weight": math.exp(backoff(table.trie, n, place)) if n else 1.0,
    }
    entries = [{"token": word} | _listing(table, n, place, word) for word in words]
    if counts is not None and n < counts.order:
        part |= _context_counts(counts, ids)
        rows = counts.rows_after(ids, words)
        entries = [entry | _word_counts(counts, n + 1, row) for entry, row in zip(entries, rows, strict=True)]
    return part | _estimation(table, config, n + 1) | {"next": entries}


def _listing(table: BackoffTable, n: int, place: int, word: int) -> dict[str, Any]:
    """Return whether a context of n words lists a word, and its log-probability there."""
    child = int(find_child(table.trie, n, place, word)) if n else word
    if child < 0:
        return {"listed": False}
    value = float(logprob(table.trie, n + 1, child))
    if value == -math.inf:
        return {"listed": True, "logprob": None, "zero_probability": True}
    return {"listed": True, "logprob": value}


def _estimation(table: BackoffTable, config: NgramConfig, order: int) -> dict[str, Any]:
    """Return what n-grams of an order were smoothed with, where the table was estimated and not imported."""
    found: dict[str, Any] = {"delta": config.delta} if config.smoothing == "add_delta" else {}
    for name, field in (("discounts", "discounts"), ("weights", "interpolation_weights")):
        by_order = table.details.get(name, [])
        if len(by_order) >= order:
            values = by_order[order - 1]
            found[field] = values if isinstance(values, list) else [values]
    return found


def _context_counts(counts: CountTable, ids: list[int]) -> dict[str, int]:
    """Return the counts of a context h: c(h), N1+(h .), and below the highest order N1+(. h .)."""
    order, followers = len(ids) + 1, counts.followers(ids)
    found = {"context_count": counts.context_count(ids), "successors": followers.stop - followers.start}
    if order < counts.order:
        found["context_continuation_count"] = int(counts.continuation_counts(order)[followers].sum())
    return found


def _word_counts(counts: CountTable, order: int, row: int) -> dict[str, int]:
    """Return c(h w) of the n-gram at a row, -1 for none, and N1+(. h w) below the highest order."""
    found = {"count": 0 if row < 0 else int(counts.levels[order - 1].count[row])}
    if order < counts.order:
        found["continuation_count"] = 0 if row < 0 else int(counts.continuation_counts(order)[row])
    return found
