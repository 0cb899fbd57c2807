"""The running mean of weights, by hand."""

import pytest
import torch

from models.neural.training.optimizer import WeightAverage


def test_the_mean_weighs_the_past_less_and_begins_with_what_there_is() -> None:
    weights = {"w": torch.zeros(1)}
    average = WeightAverage(weights, 0.5)
    for step, value in enumerate((1.0, 2.0, 4.0), start=1):
        weights["w"].fill_(value)
        average.update(step)
    # (0.25 * 1 + 0.5 * 2 + 1 * 4) / (0.25 + 0.5 + 1): the zeros before the first step count for nothing.
    assert average.weights["w"].item() == pytest.approx(5.25 / 1.75)


def test_what_is_followed_is_not_touched() -> None:
    weights = {"w": torch.ones(2)}
    WeightAverage(weights, 0.9).update(1)
    assert torch.equal(weights["w"], torch.ones(2))
