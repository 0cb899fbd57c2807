"""Rules by tallies against the estimates of whole counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram.config import NgramConfig, Smoothing
from models.ngram.counting.extraction import count_ngrams
from models.ngram.smoothing.estimator import apply_smoothing, kept_ngrams
from models.ngram.smoothing.kneser_ney import counts_of_counts
from models.ngram.smoothing.order_rules import MOST_TALLIED, OrderRules, check_divisible, takes_continuations
from models.utils.scratch import Scratch
from tests.helpers.estimation import LINES, SIZE, SMOOTHINGS, concat_lines

DIVISIBLE = [name for name in SMOOTHINGS if name not in ("mle", "add_delta", "jelinek_mercer")]


@settings(max_examples=40, deadline=None)
@given(LINES, st.integers(1, 3), st.sampled_from(DIVISIBLE), st.sampled_from([None, 0.3]))
def test_order_rules_estimate_each_order_as_the_whole(
    lines: list[list[int]], order: int, smoothing: Smoothing, discount: float | None
) -> None:
    given_discount = discount if smoothing in ("absolute", "interpolated_kneser_ney") else None
    config = NgramConfig(order, smoothing, discount=given_discount)
    counts = count_ngrams(concat_lines(lines), order, SIZE)
    kept = kept_ngrams(counts, config.thresholds)
    expected = apply_smoothing(config, counts, kept)
    continues = takes_continuations(config)
    smoothed = [counts.adjusted_counts(n) if continues else level.count for n, level in enumerate(counts.levels, 1)]
    tallies = [counts_of_counts(adjusted, MOST_TALLIED) for adjusted in smoothed]
    complete = bool((counts.levels[0].count > 0).all())
    rules = OrderRules.of(config, tallies, is_every_word_seen=complete)
    assert rules.details == expected.details
    lower = counts.uniform
    for n, level in enumerate(counts.levels, start=1):
        below = lower[level.suffix]
        p, weights = rules.estimate(
            n,
            level,
            smoothed[n - 1],
            kept[n - 1],
            lambda part: below[part.rows],  # noqa: B023
            SIZE,
            Scratch(),
        )
        assert p.tobytes() == expected.probabilities[n - 1].tobytes()
        assert weights.tobytes() == expected.backoff_weights[n - 1].tobytes()
        lower = p


def test_check_divisible_refuses_a_closed_vocabulary() -> None:
    check_divisible(NgramConfig(3, "katz"), closed=False)
    with pytest.raises(InvalidInput, match=r"closed: .* pack does it"):
        check_divisible(NgramConfig(3, "katz"), closed=True)


def test_order_rules_of_words_that_were_all_seen_back_off_from_none() -> None:
    tallies = [np.array([0, 2, 1, 0, 0, 0, 0, 0]).tolist()]
    assert OrderRules.of(NgramConfig(1, "backoff"), tallies, is_every_word_seen=True).details == {"discounts": [0.0]}
    assert OrderRules.of(NgramConfig(1, "backoff"), tallies, is_every_word_seen=False).details == {"discounts": [0.5]}
