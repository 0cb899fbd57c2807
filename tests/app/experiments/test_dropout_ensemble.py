"""Averages of thinned networks, beside sums over all masks."""

import math
from itertools import product

import pytest
import torch

from app.experiments.dropout_ensemble import dropout_penalty, ensemble_losses, unit_correlation

torch_generator = torch.Generator().manual_seed(1)
WEIGHT = torch.randn(5, 3, generator=torch_generator)
HIDDEN = torch.randn(4, 3, generator=torch_generator)
ROWS = torch.tensor([[0, 1, 2, 3, 4]])


def thinned_logits(rate: float) -> torch.Tensor:
    """Logits [2^3, N, V] of a softmax layer under all masks of its inputs, at rate 1/2 equally likely."""
    masks = torch.tensor(list(product([0.0, 1.0], repeat=3))) / (1 - rate)
    return torch.stack([(HIDDEN * mask) @ WEIGHT.T for mask in masks])


def test_ensemble_geometric_mean_of_all_masks_is_the_scaled_softmax_layer() -> None:
    # Baldi and Sadowski 2013: exact for one layer, whatever its weights.
    *_, (_, geometric) = ensemble_losses(thinned_logits(0.5).log_softmax(2), ROWS)
    scaled = (HIDDEN @ WEIGHT.T).log_softmax(1)
    assert geometric == pytest.approx(-float(scaled.gather(1, ROWS[:, 1:].reshape(-1, 1)).mean()), rel=1e-5)


def test_ensemble_losses_by_hand() -> None:
    # Two networks give the one token after the first a probability of 1/2 and of 1/8, of two tokens.
    parts = [torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.875, 0.125]]).log()]
    first, second = ensemble_losses(parts, torch.tensor([[0, 1]]))
    assert first == pytest.approx((math.log(2), math.log(2)))
    # Arithmetic mean 5/16. Geometric: 1/4 for it and sqrt(7)/4 for the other, normalized.
    assert second == pytest.approx((math.log(16 / 5), math.log(1 + math.sqrt(7))))


def test_dropout_penalty_is_the_exact_one_for_small_weights() -> None:
    small = 0.05 * WEIGHT
    masks = 2 * torch.tensor(list(product([0.0, 1.0], repeat=3)))
    logits = HIDDEN @ small.T
    exact = torch.stack([((HIDDEN * mask) @ small.T).logsumexp(1) for mask in masks]).mean(0) - logits.logsumexp(1)
    assert float(dropout_penalty(logits, small, HIDDEN, 0.5).sum()) == pytest.approx(float(exact.mean()), rel=0.02)


def test_dropout_penalty_by_hand() -> None:
    # One unit of value 2 and weights 1 and -1; both tokens equally likely, so the weights' variance is 1.
    # 1/2 * 0.5 / 0.5 * 2^2 * 1 = 2.
    penalty = dropout_penalty(torch.zeros(1, 2), torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0]]), 0.5)
    assert penalty.tolist() == [2.0]


def test_unit_correlation_by_hand() -> None:
    outputs = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 0.0], [3.0, 6.0, 1.0]])
    # The first two units go together; the third goes with neither.
    assert unit_correlation(outputs) == pytest.approx(2 / 6, abs=1e-6)
    assert unit_correlation(torch.ones(3, 1)) == 0
