"""Witten-Bell smoothing by hand."""

import pytest

from models.ngram.config import NgramConfig
from tests.helpers.estimation import estimate_model, next_probabilities

A, B, C = 2, 3, 4
LINES = [[A, B], [A, B], [A, C]]
"""Unigrams: </s> 3, a 3, b 2, c 1, <unk> 0; bigrams: <s> a 3, a b 2, b </s> 2, a c 1, c </s> 1."""


def test_witten_bell_by_hand() -> None:
    model = estimate_model(LINES, NgramConfig(2, "witten_bell"))
    # 9 tokens of 4 kinds, and 5 words: P(w) = (c + 4/5) / 13; after a 3 tokens of 2 kinds: (c + 2 P(w)) / 5
    lower = [(c + 0.8) / 13 for c in (0, 3, 3, 2, 1)]
    expected = [(c + 2 * p) / 5 for c, p in zip((0, 0, 0, 2, 1), lower, strict=True)]
    assert next_probabilities(model, [A]) == pytest.approx(expected, rel=1e-6)
    assert next_probabilities(model, [0]) == pytest.approx(lower, rel=1e-6)
