"""Regularization: whether the best strength lies in between; bias and variance of a loss."""

import math

import pytest
import torch

from app.experiments.regularization import _best_in_between, bias_and_variance


@pytest.mark.parametrize(
    ("learned", "held_out", "between"),
    [
        ([2.0, 3.0, 5.0], [9.0, 6.0, 7.0], True),
        ([2.0, 3.0, 5.0], [6.0, 7.0, 9.0], False),  # none is best
        ([2.0, 3.0, 5.0], [9.0, 7.0, 6.0], False),  # most is best
        ([3.0, 2.0, 5.0], [9.0, 6.0, 7.0], False),  # some learns more by heart than none
        ([2.0, 3.0, None], [9.0, 6.0, None], True),  # out of all bounds is the worst
    ],
)
def test_regularization_is_best_between_none_and_most(
    learned: list[float | None], held_out: list[float | None], between: bool
) -> None:
    rows = [{"train": train, "valid": valid} for train, valid in zip(learned, held_out, strict=True)]
    assert _best_in_between(rows) is between


def test_bias_and_variance_by_hand() -> None:
    # Two networks give the next token, of two, 1/2 and 1/8. Their normalized geometric mean is 1 / (1 + sqrt(7)), and
    # -log of its sum before normalization, (1 + sqrt(7)) / 4, is the mean divergence from it; two networks have seen
    # half of the variance.
    parts = [torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.875, 0.125]]).log()]
    bias, variance = bias_and_variance(parts, torch.tensor([[0, 1]]))
    assert variance == pytest.approx(-2 * math.log((1 + math.sqrt(7)) / 4))
    assert bias + variance == pytest.approx((math.log(2) + math.log(8)) / 2)


def test_bias_and_variance_of_equal_networks_is_all_bias() -> None:
    part = torch.tensor([[0.25, 0.75]]).log()
    assert bias_and_variance([part, part, part], torch.tensor([[0, 1]])) == pytest.approx(
        (math.log(4 / 3), 0), abs=1e-6
    )
