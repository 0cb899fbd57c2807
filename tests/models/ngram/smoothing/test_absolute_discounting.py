"""Absolute discounting by hand."""

import math

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from models.ngram.smoothing.absolute_discounting import estimate_discount
from tests.helpers.estimation import estimate_model, next_probabilities, unigram_probabilities

A, B, C = 2, 3, 4
LINES = [[A, B], [A, B], [A, C]]
"""Unigrams: </s> 3, a 3, b 2, c 1, <unk> 0; bigrams: <s> a 3, a b 2, b </s> 2, a c 1, c </s> 1."""


def test_backoff_absolute_by_hand() -> None:
    model = estimate_model(LINES, NgramConfig(2, "backoff"))
    # unigrams: n1 = 1, n2 = 1, D = 1/3, of 9 tokens: </s> and a 8/27, b 5/27, c 2/27, <unk> the rest, 4/27
    # bigrams: n1 = 2, n2 = 2, D = 1/3: P(b|a) = (2 - 1/3)/3 = 5/9, P(c|a) = 2/9; left over 2/9
    # unlisted after a have (4 + 8 + 8)/27 = 20/27 of the unigrams: alpha = 2/9 * 27/20 = 3/10
    expected = [0.3 * 4 / 27, 0.3 * 8 / 27, 0.3 * 8 / 27, 5 / 9, 2 / 9]
    assert all(math.isclose(p, e, rel_tol=1e-6) for p, e in zip(next_probabilities(model, [A]), expected, strict=True))
    assert model.table.details == {"discounts": [1 / 3, 1 / 3]}


def test_backoff_absolute_takes_nothing_from_a_context_that_lists_every_word() -> None:
    model = estimate_model([[0], [0], [], [2]], NgramConfig(2, "backoff"), size=3)
    # bigrams: <s> <unk> 2, <unk> </s> 2, <s> </s> 1, <s> a 1, a </s> 1: after <s> all three words were seen
    assert next_probabilities(model, []) == pytest.approx([2 / 4, 1 / 4, 1 / 4], rel=1e-6)
    # unigrams: <unk> 2, </s> 4, a 1: every word was seen, so they are the ratios of counts, and D_1 is zero
    assert unigram_probabilities(model) == pytest.approx([2 / 7, 4 / 7, 1 / 7], rel=1e-6)
    assert model.table.details["discounts"] == [0.0, 3 / (3 + 2 * 2)]


def test_backoff_absolute_of_unigrams_is_mle_where_every_word_was_seen() -> None:
    lines = [[0], [0], [], [2]]
    backoff, ratios = (estimate_model(lines, NgramConfig(1, name), size=3) for name in ("backoff", "mle"))
    assert unigram_probabilities(backoff) == unigram_probabilities(ratios)


@pytest.mark.parametrize(("counts", "d"), [([1, 1, 2], 0.5), ([1, 1, 1, 2, 5], 0.6), ([1, 3], 0.5), ([2, 2], 0.5)])
def test_estimate_discount_is_one_half_where_counts_of_counts_give_none(counts: list[int], d: float) -> None:
    assert estimate_discount(np.array(counts)) == d


@pytest.mark.parametrize("smoothing", ["backoff", "absolute"])
def test_absolute_discounting_tells_the_orders_whose_counts_give_no_discount(smoothing) -> None:
    # unigrams: a, b, c and </s> three times each; bigrams: <s> a, a b, b c, c </s> three times each
    details = estimate_model([[A, B, C]] * 3, NgramConfig(2, smoothing)).table.details
    assert details["fallback_orders"] == [1, 2]
    assert "fallback_orders" not in estimate_model(LINES, NgramConfig(2, smoothing)).table.details
