"""Figures of question answering, held against numbers derived by hand."""

import json

import pytest

from models.errors import InvalidInput
from models.evaluation.answers import answer_figures, exact_match, normalize_answer, token_f1


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The  Northside,\na town!", "northside town"),
        ("Another theory", "another theory"),  # articles inside words stay
        ("U.S. 1797\u20131856", "us 1797\u20131856"),  # ASCII punctuation alone goes, and leaves no blank
        ("the", ""),
    ],
)
def test_normalize_answer_drops_case_punctuation_articles_and_blanks(text: str, normalized: str) -> None:
    assert normalize_answer(text) == normalized


@pytest.mark.parametrize(
    ("predicted", "golds", "exact", "f1"),
    [
        ("The cat.", ["a dog", "cat"], True, 1.0),
        ("black cat", ["the cat"], False, 2 / 3),  # one word in common of 2 and 1
        ("cat cat dog", ["cat cat"], False, 4 / 5),  # words count as often as they occur
        ("dog", ["cat", "dog house"], False, 2 / 3),  # the best of the right answers
        ("dog", ["cat"], False, 0.0),
        (None, [], True, 1.0),
        ("", ["cat"], False, 0.0),
        ("cat", [], False, 0.0),
        ("cat", ["the"], False, 0.0),
    ],
)
def test_exact_match_and_token_f1(predicted: str | None, golds: list[str], exact: bool, f1: float) -> None:
    assert exact_match(predicted, golds) is exact
    assert token_f1(predicted, golds) == pytest.approx(f1)


def test_answer_figures_tell_questions_without_answer_apart() -> None:
    figures = answer_figures(["cat", "black cat", None, "x", None], [["cat"], ["cat"], [], [], ["y"]])
    assert figures == {
        "exact_match": 2 / 5,
        "f1": pytest.approx((1 + 2 / 3 + 1 + 0 + 0) / 5),
        "questions": 5,
        "answerable": {"exact_match": 1 / 3, "f1": pytest.approx((1 + 2 / 3) / 3), "questions": 3},
        "unanswerable": {"exact_match": 1 / 2, "f1": 1 / 2, "questions": 2},
    }
    assert answer_figures(["a"], [["b"]])["unanswerable"] == {"exact_match": None, "f1": None, "questions": 0}
    json.dumps(figures, allow_nan=False)
    with pytest.raises(InvalidInput, match="files: must hold questions to evaluate"):
        answer_figures([], [])
