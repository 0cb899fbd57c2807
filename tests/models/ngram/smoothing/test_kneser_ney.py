"""Modified Kneser-Ney by hand."""

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from models.ngram.smoothing.kneser_ney import FALLBACK_DISCOUNTS, modified_discounts
from tests.helpers.estimation import estimate_model, next_probabilities

A, B, C = 2, 3, 4
LINES = [[A, B], [A, B], [A, C]]
"""Bigrams: <s> a 3, a b 2, b </s> 2, a c 1, c </s> 1."""


def test_modified_discounts_by_hand() -> None:
    # n1 = 4, n2 = 2, n3 = 1, n4 = 1; Y = 4 / 8
    # D1 = 1 - 2 * 1/2 * 2/4, D2 = 2 - 3 * 1/2 * 1/2, D3 = 3 - 4 * 1/2 * 1/1
    assert modified_discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9])) == [0.5, 1.25, 1.0]


@pytest.mark.parametrize(
    "counts",
    [
        [2, 2, 3, 4],  # nothing is counted once
        [1, 1, 3],  # nothing twice
        [1, 2, 4],  # nothing three times
        [1, 1, 2, 3, 3, 3],  # Y = 1/2, D2 = 2 - 3/2 * 3: below zero
        [],
    ],
)
def test_modified_discounts_are_none_where_counts_of_counts_give_none(counts: list[int]) -> None:
    assert modified_discounts(np.array(counts, np.int64)) is None


def test_kneser_ney_by_hand_with_fallback_discounts() -> None:
    model = estimate_model(LINES, NgramConfig(2))
    # no bigram is counted three times but once: n3 = 1, n1 = 2, n2 = 2, n4 = 0; Y = 1/3
    # D1 = 1 - 2/3 = 1/3, D2 = 2 - 3 * 1/3 * 1/2 = 3/2, D3 = 3
    # unigrams count the words before: </s> 2 (b, c), a 1, b 1, c 1, of 5; n3 = 0, so 0.5, 1, 1.5
    # freed: (1 + 3 * 0.5) / 5 = 1/2, a fifth of it each: </s> 1/5 + 1/10 = 0.3; a, b, c 1/10 + 1/10; <unk> 0.1
    # after a: b (2 - 3/2)/3, c (1 - 1/3)/3, freed (3/2 + 1/3)/3 = 11/18
    lower = [0.1, 0.3, 0.2, 0.2, 0.2]
    expected = [p * 11 / 18 + seen for p, seen in zip(lower, [0, 0, 0, 1 / 6, 2 / 9], strict=True)]
    assert next_probabilities(model, [A]) == pytest.approx(expected, rel=1e-6)
    assert model.table.details["fallback_orders"] == [1]
    assert model.table.details["discounts"] == [list(FALLBACK_DISCOUNTS), pytest.approx([1 / 3, 3 / 2, 3])]


def test_kneser_ney_counts_occurrences_at_the_highest_order_alone() -> None:
    model = estimate_model(LINES, NgramConfig(1))
    # </s> 3, a 3, b 2, c 1, <unk> 0, of 9; n1 = 1, n2 = 1, n3 = 2, n4 = 0: Y = 1/3, D = 1/3, 0 - out of range
    # so 0.5, 1, 1.5: freed (1.5 + 1.5 + 1 + 0.5) / 9 = 1/2
    expected = [0.1, 1.5 / 9 + 0.1, 1.5 / 9 + 0.1, 1 / 9 + 0.1, 0.5 / 9 + 0.1]
    assert next_probabilities(model, []) == pytest.approx(expected, rel=1e-6)
