"""The sliced loss against torch's own, gradients included."""

import math

import pytest
import torch
from torch.nn import functional

from models.neural.training.loss import cross_entropy


def arguments() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    hidden, weight, bias = (torch.randn(*shape, generator=g) for shape in ((9, 4), (6, 4), (6,)))
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), torch.randint(6, (9,), generator=g)


@pytest.mark.parametrize("at_once", [1, 6 * 4, 1000])
def test_cross_entropy_and_gradients_equal_those_of_the_whole_matrix(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.neural.training.loss.LOGITS_PER_SLICE", at_once)
    hidden, weight, bias, targets = arguments()
    loss = cross_entropy(hidden, weight, bias, targets)
    expected = functional.cross_entropy(functional.linear(hidden, weight, bias), targets)
    torch.testing.assert_close(loss, expected)
    parameters = hidden, weight, bias
    for actual, expected_part in zip(
        torch.autograd.grad(3 * loss, parameters), torch.autograd.grad(3 * expected, parameters), strict=True
    ):
        torch.testing.assert_close(actual, expected_part)


def test_cross_entropy_of_equal_logits_is_the_log_of_the_vocabulary() -> None:
    level = torch.zeros(5, 2, requires_grad=True)
    loss = cross_entropy(level, torch.zeros(7, 2), torch.zeros(7), torch.arange(5))
    assert loss.item() == pytest.approx(math.log(7))
