"""Figures as people read them: perplexities by unit, or what a task measures."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli.figures import figure_lines, held_out_lines, short_figures, task_headline, typing_lines

BY_UNIT = {
    "lines": {"perplexity": 12.345, "token_count": 10, "oov_count": 2},
    "document": {"perplexity": None, "token_count": 10, "oov_count": 2},
}
CLASSES = [{"label": name, "precision": 0.5, "recall": 0.25, "f1": 0.333, "support": 4} for name in ("bad", "good")]
LABELS = {"accuracy": 0.75, "macro_f1": 0.7, "examples": 8, "classes": CLASSES, "confusion": [[3, 1], [1, 3]]}


@pytest.mark.parametrize(
    ("validation", "lines", "short"),
    [
        ({}, [], ""),
        (
            BY_UNIT,
            [
                "perplexity 12.35 on held-out lines: 10 tokens, 2 of them unknown",
                "perplexity infinite on held-out document: 10 tokens, 2 of them unknown",
            ],
            "perplexity 12.35 (lines), inf (document)",
        ),
        (LABELS, ["accuracy 0.750, macro-F1 0.700 on 8 held-out examples"], "accuracy 0.750, macro-F1 0.700"),
        (
            {"exact_match": 0.5, "f1": 0.6, "questions": 3},
            ["exact match 0.500, F1 0.600 on 3 held-out questions"],
            None,
        ),
        ({"accuracy": 0.5, "token_count": 9}, ["accuracy 0.500 on 9 held-out tokens"], None),
    ],
)
def test_held_out_lines_and_short_figures_of_every_task(
    validation: dict[str, Any], lines: list[str], short: str | None
) -> None:
    assert list(held_out_lines(validation)) == lines
    assert short is None or short_figures(validation) == short


def test_task_headline_leaves_out_what_is_not_defined() -> None:
    assert task_headline({"accuracy": 0.5, "f1": None, "ece": 0.1}) == "accuracy 0.500"


def test_typing_lines_are_there_only_where_typing_was_measured() -> None:
    shares = {"hits_at_1": 0.125, "hits_at_3": 0.25, "hits_at_5": 0.5, "keystrokes_saved": 0.3881}
    assert list(typing_lines({"perplexity": 9.5})) == []
    assert list(typing_lines({"perplexity": 9.5, "typed_words": 8, **shares})) == [
        "keystrokes saved 0.388, hits at 1, 3 and 5 0.125, 0.250 and 0.500, of 8 words typed"
    ]


def test_figure_lines_show_numbers_classes_and_confusion() -> None:
    lines = list(figure_lines({"model": "x@1", "log_loss": None, **LABELS}))
    assert lines[0].split() == ["model", "x@1"]
    assert lines[1].split() == ["log_loss", "infinite"]
    assert [line.split()[-1] for line in figure_lines({"pseudo_perplexity": None, "accuracy": None})] == [
        "infinite",
        "undefined",
    ]
    assert ["good", "0.5000", "0.2500", "0.3330", "4"] in [line.split() for line in lines]
    assert [line.split() for line in lines[-2:]] == [["bad", "3", "1"], ["good", "1", "3"]]
