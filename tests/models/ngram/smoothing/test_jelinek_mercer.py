"""Jelinek-Mercer weights, which must make the held-out occurrences most probable."""

import math

import numpy as np
import pytest

from models.ngram.config import NgramConfig
from models.ngram.smoothing.jelinek_mercer import maximize_weights
from tests.helpers.estimation import estimate_model

LINES = np.random.default_rng(5).geometric(0.3, (80, 6)).clip(max=5).tolist()


def test_maximize_weights_finds_the_highest_likelihood() -> None:
    seen, others = np.array([0.5, 0.2, 0.0]), np.array([0.1, 0.3, 0.2])
    occurrences, bucket = np.array([40, 20, 30]), np.zeros(3, np.int64)
    (weight,) = maximize_weights(seen, others, occurrences, bucket)

    def likelihood(w: float) -> float:  # with one occurrence more, of something never seen
        rows = zip(seen, others, occurrences, strict=True)
        return sum(c * math.log(w * a + (1 - w) * b) for a, b, c in rows) + math.log(1 - w)

    assert likelihood(weight) > max(likelihood(weight - 0.01), likelihood(weight + 0.01))


def test_jelinek_mercer_trusts_the_seldom_seen_less() -> None:
    facts = estimate_model(LINES, NgramConfig(2, "jelinek_mercer"), size=7).table.details
    bigrams = facts["weights"][1]
    assert bigrams[0] == pytest.approx(0, abs=0.01)  # a context seen once predicts nothing once that is held out
    assert bigrams[-1] == max(bigrams)
    assert all(0 <= w < 1 for order in facts["weights"] for w in order)
