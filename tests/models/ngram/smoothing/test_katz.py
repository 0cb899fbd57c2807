"""Katz back-off by hand."""

import pytest

from models.ngram.config import NgramConfig
from models.ngram.smoothing.katz import good_turing_discounts
from tests.helpers.estimation import estimate_model, next_probabilities, unigram_probabilities

A, B, C = 2, 3, 4


def test_good_turing_discounts_by_hand() -> None:
    # k = 5: 6 n6 / n1 = 6 * 5 / 300 = 0.1; 1* = 2 * 100 / 300 = 2/3: (2/3 - 0.1) / 0.9 = 0.6296
    # 2* = 3 * 40 / 100 = 1.2: (0.6 - 0.1) / 0.9; 3* = 4 * 24 / 40 = 2.4: 0.7 / 0.9; 4* = 5 * 15 / 24, 5* = 2
    found = good_turing_discounts([0, 300, 100, 40, 24, 15, 5, 99])
    assert found == pytest.approx([0.62963, 0.5 / 0.9, 0.7 / 0.9, (3.125 / 4 - 0.1) / 0.9, 0.3 / 0.9], rel=1e-4)


def test_good_turing_discounts_have_a_smaller_k_where_the_larger_has_none() -> None:
    # nothing is seen three times: k = 1; 2 n2 / n1 = 0.2, d1 = (0.2 - 0.2) / 0.8 = 0 is none either
    assert good_turing_discounts([0, 10, 1, 0, 0, 0, 0, 9]) == []
    # k = 2: 3 n3 / n1 = 0.3; 1* = 0.8, 2* = 3 * 1 / 4: (0.8 - 0.3) / 0.7, (0.375 - 0.3) / 0.7; above, n4 = 0
    assert good_turing_discounts([0, 10, 4, 1, 0, 0, 0, 9]) == pytest.approx([0.5 / 0.7, 0.075 / 0.7])
    assert good_turing_discounts([0, 0, 3, 3, 3, 3, 3, 3]) == []


def test_katz_adds_an_occurrence_to_a_context_that_frees_nothing() -> None:
    # every word comes after a six times; with discounts of one for counts above k nothing is left for <unk>
    lines = [[A, w] for w in (A, B, C) for _ in range(6)] + [[B], [C], [B, C], [C, B], [B, B]] * 2 + [[C, C, A]]
    model = estimate_model(lines, NgramConfig(2, "katz"))
    row = next_probabilities(model, [A])
    assert row[0] > 0
    assert sum(row) == pytest.approx(1, abs=1e-6)


def test_katz_takes_nothing_from_unigrams_where_every_word_was_seen() -> None:
    # a 4, b 2, c 1, <unk> 1, </s> 3 of 11 tokens
    lines = [[A, A, B], [A, C, B], [A, 0]]
    model = estimate_model(lines, NgramConfig(2, "katz"))
    assert unigram_probabilities(model) == pytest.approx([1 / 11, 3 / 11, 4 / 11, 2 / 11, 1 / 11], rel=1e-6)
    assert model.table.details["discounts"][0] == []
    assert 1 not in model.table.details["fallback_orders"]
