"""Spans of BIO tags and figures of taggers, held against conlleval's rules."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.evaluation.spans import Span, bio_spans, has_spans, tagging_figures

TAGS = st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"])


def end_of_chunk(before: str, now: str) -> bool:
    """conlleval.pl's endOfChunk, for the tags B, I and O."""
    border = (before[0], now[0]) in {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O")}
    return border or (before != "O" and before[2:] != now[2:])


def start_of_chunk(before: str, now: str) -> bool:
    """conlleval.pl's startOfChunk, for the tags B, I and O."""
    border = (before[0], now[0]) in {("B", "B"), ("I", "B"), ("O", "B"), ("O", "I")}
    return border or (now != "O" and before[2:] != now[2:])


def conlleval_counts(gold: list[str], predicted: list[str]) -> tuple[int, int, int]:
    """Right, predicted and all spans, counted token by token as conlleval.pl does."""
    correct = found = support = 0
    inside = False
    before_gold = before_predicted = "O"
    for g, p in zip([*gold, "O"], [*predicted, "O"], strict=True):
        ends = end_of_chunk(before_gold, g), end_of_chunk(before_predicted, p)
        starts = start_of_chunk(before_gold, g), start_of_chunk(before_predicted, p)
        correct += inside and all(ends)
        inside = inside and not any(ends) and g[2:] == p[2:]
        inside = inside or (all(starts) and g[2:] == p[2:])
        support, found = support + starts[0], found + starts[1]
        before_gold, before_predicted = g, p
    return correct, found, support


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=12))
def test_tagging_figures_are_those_of_conlleval(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = [a for a, _ in pairs], [b for _, b in pairs]
    correct, found, support = conlleval_counts(gold, predicted)
    figures = tagging_figures([gold], [predicted])
    assert figures["accuracy"] == sum(a == b for a, b in pairs) / len(pairs)
    if set(gold) == {"O"}:
        assert "f1" not in figures
        return
    assert figures["precision"] == (correct / found if found else None)
    assert figures["recall"] == correct / support
    assert figures["f1"] == pytest.approx(2 * correct / (found + support))
    assert figures["support"] == support
    json.dumps(figures, allow_nan=False)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-A", [Span("A", 0, 2), Span("A", 3, 4)]),
        ("I-A I-A B-A I-B I-B", [Span("A", 0, 2), Span("A", 2, 3), Span("B", 3, 5)]),  # no B- before I-, as conlleval
        ("B-A B-A", [Span("A", 0, 1), Span("A", 1, 2)]),
        ("B-creative-work I-creative-work", [Span("creative-work", 0, 2)]),
        ("NN O VB", []),
        ("", []),
    ],
)
def test_bio_spans_begin_and_end_as_in_conlleval(tags: str, spans: list[Span]) -> None:
    assert bio_spans(tags.split()) == spans


def test_tagging_figures_tell_types_and_unseen_tokens() -> None:
    gold = [["B-A", "I-A", "O"], ["B-B", "O"]]
    predicted = [["B-A", "I-A", "B-B"], ["B-A", "O"]]
    figures = tagging_figures(gold, predicted, unseen=[[False, False, True], [False, True]])
    assert figures == {
        "accuracy": 3 / 5,
        "tokens": 5,
        "sentences": 2,
        "accuracy_unseen": 1 / 2,
        "unseen_tokens": 2,
        "precision": 1 / 3,  # one of three spans is right: A in the first sentence
        "recall": 1 / 2,
        "f1": 2 / 5,
        "support": 2,
        "types": [
            {"type": "A", "precision": 1 / 2, "recall": 1.0, "f1": 2 / 3, "support": 1},
            {"type": "B", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        ],
    }


def test_tagging_figures_of_other_tags_have_no_spans() -> None:
    assert tagging_figures([["NN", "VB"]], [["NN", "NN"]], [[False, False]]) == {
        "accuracy": 1 / 2,
        "tokens": 2,
        "sentences": 1,
        "accuracy_unseen": None,
        "unseen_tokens": 0,
    }
    assert not has_spans({"O"})
    assert not has_spans({"B-A", "NN"})
    assert has_spans({"O", "I-A"})
    with pytest.raises(InvalidInput, match="files: must hold sentences to evaluate"):
        tagging_figures([], [])
