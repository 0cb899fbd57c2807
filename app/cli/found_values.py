"""Thresholds, weights of rescoring and counts of selections, as lines that people read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_THRESHOLDS = {
    "rate": "rate",
    "lp_threshold": "lp_threshold",
    "ps_ppl_threshold": "ps_ppl_threshold",
    "window_ppl_threshold": "window_ppl_threshold",
    "jailbreak_rate": "reported",
    "jailbreak_rate_with_window": "with windows",
}
"""Fields of thresholds, and what stands above their columns."""
_ERROR_RATES = {
    "first_pass": "by the scores of the lists",
    "tuned": "by these weights",
    "held_out": "by weights of other lists",
    "oracle": "of the best hypotheses",
}
"""Error rates, and what is printed beside them."""


def threshold_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a calibration: its size, and a row of a table for each rate."""
    yield f"{result['model']}: {result['prompt_count']} prompts, windows of {result['window']} tokens"
    yield "  ".join(f"{name:>20}" for name in _THRESHOLDS.values())
    for row in result["thresholds"]:
        yield "  ".join(f"{'-' if row[name] is None else format(row[name], '.6g'):>20}" for name in _THRESHOLDS)


def tuning_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a tuning: its size, the error rates, and the weights as JSON.

    >>> list(tuning_lines({"model": "m@1", "list_count": 2, "hypothesis_count": 5, "reference_length": 8,
    ...                    "unit": "words", "error_rate": {"tuned": 0.125}, "weights": {"lm_weight": 0.5}}))[1:]
    ['errors by these weights                12.50 %', '{"lm_weight": 0.5}']
    """
    sizes = f"{result['list_count']} lists, {result['hypothesis_count']} hypotheses"
    yield f"{result['model']}: {sizes}, {result['reference_length']} {result['unit']} of reference"
    for name, rate in result["error_rate"].items():
        if rate is not None:
            yield f"errors {_ERROR_RATES[name]:<28}{100 * rate:9.2f} %"
    yield json.dumps(result["weights"])


def selection_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a selection: its counts, the first bad records, limits and files.

    >>> list(selection_lines({"record_count": 3, "kept": {"kept": 2}, "unrouted_count": 0, "error_count": 1,
    ...      "errors": [{"file": "a.jsonl", "line": 2, "message": "is not JSON"}], "limits": {}, "files": ["b.jsonl"]}))
    ['3 records: 2 kept', '1 bad records, among them:', '  a.jsonl line 2 is not JSON', 'written b.jsonl']
    """
    kept = ", ".join(f"{count} {name}" for name, count in result["kept"].items())
    yield f"{result['record_count']} records: {kept}"
    if result["unrouted_count"]:
        yield f"{result['unrouted_count']} records have a label without a model"
    if result["error_count"]:
        yield f"{result['error_count']} bad records, among them:"
        yield from (f"  {error['file']} line {error['line']} {error['message']}" for error in result["errors"])
    yield from (f"limits {label}: {low} to {high}" for label, (low, high) in result["limits"].items())
    for file in result["files"]:
        yield f"written {file}" if isinstance(file, str) else f"written {file['id']} ({file['filename']})"


def found_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a result with thresholds, weights or a selection; none for other jobs."""
    if "thresholds" in result:
        yield from threshold_lines(result)
    elif "weights" in result and "error_rate" in result:
        yield from tuning_lines(result)
    elif "record_count" in result and "kept" in result:
        yield from selection_lines(result)
