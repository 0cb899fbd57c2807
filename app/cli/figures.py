"""Figures of models as people read them: perplexities by unit, or what a task measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_HEADLINES = {
    "accuracy": "accuracy",
    "accuracy_at_10": "accuracy at 10",
    "exact_match": "exact match",
    "f1": "F1",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "pseudo_perplexity": "pseudo-perplexity",
}
"""Names of the figures that a line has room for."""
_COUNTS = {"examples": "examples", "sentences": "sentences", "questions": "questions", "token_count": "tokens"}
"""Names of the figure that tells how much was measured, and what it counts."""
_CLASSES = "{:<24}{:>10}{:>10}{:>10}{:>10}"


def held_out_lines(validation: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each measurement on what was held out, as a card or a job has them."""
    if not _is_by_unit(validation):
        if validation:
            yield f"{task_headline(validation)} on {_count(validation)}"
        return
    for unit, figures in validation.items():
        perplexity = "infinite" if figures["perplexity"] is None else f"{figures['perplexity']:.2f}"
        counts = ""
        if "token_count" in figures:  # results of other programs may have less
            counts = f": {figures['token_count']} tokens, {figures['oov_count']} of them unknown"
        yield f"perplexity {perplexity} on held-out {unit}{counts}"


def short_figures(validation: Mapping[str, Any]) -> str:
    """Return the figures on what was held out in the room of a table's column."""
    if not _is_by_unit(validation):
        return task_headline(validation)
    perplexities = (f"{figures['perplexity'] or float('inf'):.2f} ({unit})" for unit, figures in validation.items())
    return f"perplexity {', '.join(perplexities)}"


def task_headline(figures: Mapping[str, Any]) -> str:
    """Return the best-known figures of a task, with their names."""
    return ", ".join(f"{name} {figures[key]:.3f}" for key, name in _HEADLINES.items() if figures.get(key) is not None)


def typing_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what suggestions were worth to somebody who typed the text, where that was measured.

    >>> shares = {"hits_at_1": 0.1, "hits_at_3": 0.25, "hits_at_5": 0.3, "keystrokes_saved": 0.4}
    >>> list(typing_lines({"typed_words": 100, **shares}))
    ['keystrokes saved 0.400, hits at 1, 3 and 5 0.100, 0.250 and 0.300, of 100 words typed']
    """
    if "keystrokes_saved" in figures:
        first, third, fifth = (f"{figures[f'hits_at_{count}']:.3f}" for count in (1, 3, 5))
        saved = f"keystrokes saved {figures['keystrokes_saved']:.3f}"
        yield f"{saved}, hits at 1, 3 and 5 {first}, {third} and {fifth}, of {figures['typed_words']} words typed"


def figure_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each number among the figures, and tables of classes and of confused labels."""
    for name, value in figures.items():
        if not isinstance(value, (list, dict)):
            yield f"{name:<28}{_format_value(name, value)}"
    for name in ("classes", "types"):
        if figures.get(name):
            yield ""
            yield _CLASSES.format("label" if name == "classes" else "type", "precision", "recall", "F1", "support")
            yield from (_class_row(row) for row in figures[name])
    if figures.get("confusion"):
        yield from _confusion_lines(figures["confusion"], [row["label"] for row in figures["classes"]])


def _format_value(name: str, value: object) -> str:
    """Return a figure with four decimal places; None, which JSON has for it, is infinite or undefined."""
    if value is None:
        return "infinite" if "perplexity" in name or "loss" in name else "undefined"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _is_by_unit(figures: Mapping[str, Any]) -> bool:
    """Tell whether the figures are those of a language model, for each unit."""
    return bool(figures) and all(isinstance(value, dict) and "perplexity" in value for value in figures.values())


def _count(figures: Mapping[str, Any]) -> str:
    """Return how many examples were measured."""
    name = next((name for name in _COUNTS if name in figures), None)
    return "held-out examples" if name is None else f"{figures[name]} held-out {_COUNTS[name]}"


def _class_row(row: Mapping[str, Any]) -> str:
    numbers = [f"{row[name]:.4f}" for name in ("precision", "recall", "f1")]
    return _CLASSES.format(row.get("label", row.get("type")), *numbers, row["support"])


def _confusion_lines(confusion: list[list[int]], labels: list[str]) -> Iterator[str]:
    yield ""
    yield "confusion (rows: true label; columns: predicted, in the same order)"
    for label, row in zip(labels, confusion, strict=True):
        yield f"{label:<24}" + "".join(f"{count:>8}" for count in row)
