"""Paired interval of two models' scores."""

import numpy as np
import pytest

from models.errors import InvalidInput
from models.evaluation.comparison import paired_interval


def test_paired_interval_is_near_that_of_the_normal_distribution() -> None:
    # Of 1,000 examples a alone has 60 right, b alone 40: the difference is 0.02, its standard error
    # sqrt(0.1 - 0.02^2) / sqrt(1000) = 0.00998, so that the 95 % interval is 0.02 +- 1.96 * 0.00998.
    a = np.array([True] * 460 + [False] * 540)
    b = np.array([True] * 400 + [False] * 60 + [True] * 40 + [False] * 500)
    interval = paired_interval(a, b)
    assert interval.difference == pytest.approx(0.02)
    assert interval.low == pytest.approx(0.02 - 0.01956, abs=0.0015)
    assert interval.high == pytest.approx(0.02 + 0.01956, abs=0.0015)
    assert paired_interval(b, a).difference == pytest.approx(-0.02)
    assert paired_interval(a, b, seed=3) == paired_interval(a, b, seed=3)


def test_paired_interval_covers_the_true_difference_in_95_of_100_samples() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        a, b = rng.random(200) < 0.7, rng.random(200) < 0.6
        interval = paired_interval(a, b, seed)
        covered += interval.low <= 0.1 <= interval.high
    assert 0.91 <= covered / 300 <= 0.985


def test_paired_interval_takes_numbers() -> None:
    interval = paired_interval([0.5, 1.0, 0.0], [0.25, 0.75, -0.25])
    assert interval == pytest.approx((0.25, 0.25, 0.25))  # every example differs by the same


@pytest.mark.parametrize(("a", "b"), [([], []), ([1, 2], [1]), ([[1]], [[1]])])
def test_paired_interval_refuses_other_examples(a: list[int], b: list[int]) -> None:
    with pytest.raises(InvalidInput, match="scores: must be a number for each example"):
        paired_interval(a, b)
