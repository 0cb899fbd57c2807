"""Figures of classifiers, held against numbers derived by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from models.errors import InvalidInput
from models.evaluation.classification import (
    calibration_error,
    classification_figures,
    confusion_matrix,
    log_loss,
    multi_label_figures,
)

GOLD = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.5, 0.25, 0.25, 0.0],  # right
        [0.25, 0.5, 0.25, 0.0],  # 0 taken for 1
        [1.0, 0.0, 0.0, 0.0],  # right
        [0.25, 0.5, 0.25, 0.0],  # right
        [0.5, 0.5, 0.0, 0.0],  # a tie: the first, so wrong
        [0.5, 0.25, 0.25, 0.0],  # wrong
    ]
)


def test_classification_figures_are_those_derived_by_hand() -> None:
    figures = classification_figures(GOLD, PROBABILITIES, ["a", "b", "c", "d"])
    # Class a: 2 hits, 4 predicted, 3 to be found. b: 1 hit, 2 predicted, 2 to be found. c: none, 0, 1. d: nothing.
    assert figures["confusion"] == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert figures["classes"] == [
        {"label": "a", "precision": 2 / 4, "recall": 2 / 3, "f1": 4 / 7, "support": 3},
        {"label": "b", "precision": 1 / 2, "recall": 1 / 2, "f1": 2 / 4, "support": 2},
        {"label": "c", "precision": None, "recall": 0.0, "f1": 0.0, "support": 1},
        {"label": "d", "precision": None, "recall": None, "f1": None, "support": 0},
    ]
    assert figures["accuracy"] == 3 / 6
    assert figures["macro_f1"] == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)  # class d neither occurs nor was predicted
    # The right classes have 1/2, 1/4, 1, 1/2, 1/2 and 1/4, which are 1 + 2 + 0 + 1 + 1 + 2 bits.
    assert figures["log_loss"] == pytest.approx(7 / 6 * math.log(2))
    # Five confidences of 0.5 with 2 right, one of 1 that is right: (|2 - 2.5| + |1 - 1|) / 6.
    assert figures["ece"] == pytest.approx(0.5 / 6)
    assert figures["examples"] == 6
    json.dumps(figures, allow_nan=False)


def test_classification_figures_of_many_classes_have_no_confusion_matrix() -> None:
    probabilities = np.zeros((2, 200_000), np.float32)  # whose matrix would be 320 GB
    probabilities[0, 7] = probabilities[1, 8] = 1
    figures = classification_figures(np.array([7, 9]), probabilities, list(map(str, range(200_000))))
    assert (figures["confusion"], figures["accuracy"]) == (None, 0.5)
    assert figures["classes"][7] == {"label": "7", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}


def test_log_loss_is_none_where_it_is_infinite() -> None:
    assert log_loss(np.array([0, 3]), PROBABILITIES[:2]) is None


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1))
def test_calibration_error_is_that_of_the_naive_loop(pairs: list[tuple[int, bool]]) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for percent, right in pairs:
        # Bin m of ten holds the percentages from 10 (m - 1) + 1 to 10 m; the first one 0 as well.
        bins.setdefault(max(percent - 1, 0) // 10, []).append((percent / 100, right))
    expected = sum(
        len(content)
        / len(pairs)
        * abs(sum(r for _, r in content) / len(content) - sum(c for c, _ in content) / len(content))
        for content in bins.values()
    )
    # A little lower, so that rounding lifts no border of two bins into the upper one.
    confidence, correct = np.array([c / 100 for c, _ in pairs]), np.array([r for _, r in pairs])
    actual = calibration_error(correct, np.nextafter(confidence, 0), bins=10)
    assert actual == pytest.approx(expected)


@given(
    st_numpy.arrays(np.int64, st.shared(st.integers(1, 30), key="n"), elements=st.integers(0, 3)),
    st_numpy.arrays(np.int64, st.shared(st.integers(1, 30), key="n"), elements=st.integers(0, 3)),
)
def test_confusion_matrix_counts_each_pair(gold: np.ndarray, predicted: np.ndarray) -> None:
    expected = np.zeros((4, 4), int)
    for pair in zip(gold, predicted, strict=True):
        expected[pair] += 1
    assert confusion_matrix(gold, predicted, 4).tolist() == expected.tolist()


def test_multi_label_figures_are_those_derived_by_hand() -> None:
    gold = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], bool)
    predicted = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
    figures = multi_label_figures(gold, predicted, ["a", "b", "c"])
    # a: 2 hits of 2 and 2. b: 1 hit of 2 predicted and 2 to be found. c: nothing at all. Together 3 of 4 and 4.
    assert figures["micro_f1"] == 6 / 8
    assert figures["macro_f1"] == (1 + 1 / 2) / 2
    assert figures["subset_accuracy"] == 2 / 4
    assert [row["f1"] for row in figures["classes"]] == [1, 1 / 2, None]
    nothing = multi_label_figures(np.zeros((1, 2), bool), np.zeros((1, 2), bool), ["a", "b"])
    assert (nothing["micro_f1"], nothing["macro_f1"], nothing["subset_accuracy"]) == (None, None, 1)
    json.dumps([figures, nothing], allow_nan=False)


def test_figures_refuse_no_text() -> None:
    with pytest.raises(InvalidInput, match="files: must hold examples to evaluate"):
        classification_figures(np.array([], int), np.zeros((0, 2)), ["a", "b"])
    with pytest.raises(InvalidInput, match="files: must hold examples to evaluate"):
        multi_label_figures(np.zeros((0, 2), bool), np.zeros((0, 2), bool), ["a", "b"])
