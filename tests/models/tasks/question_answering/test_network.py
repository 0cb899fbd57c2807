"""The supporting sentences' part of a reader's loss, by hand."""

import math

import pytest
import torch

from models.tasks.question_answering.network import supporting_loss


def test_supporting_loss_is_that_of_the_weight_on_each_sentence() -> None:
    looks = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.875, 0.0]])
    supporting = torch.tensor(
        [
            [[True, False, False], [False, True, True]],  # weights 1/2 and 1/2
            [[True, False, False], [False, False, False]],  # weight 1/8, and padding
        ]
    )
    # (log 2 + log 2 + log 8) / 3 = 5 log 2 / 3
    assert supporting_loss(looks, supporting).item() == pytest.approx(5 * math.log(2) / 3)


def test_supporting_loss_is_finite_for_a_sentence_not_looked_at() -> None:
    loss = supporting_loss(torch.tensor([[0.0, 1.0]]), torch.tensor([[[True, False]]]))
    assert loss.item() == pytest.approx(-math.log(1e-6), rel=1e-5)
