"""Dropout: statistics, and what a mask is shared by."""

import pytest
import torch

from models.dropout import Dropout


def dropped(rate: float, *, locked: bool, shape: tuple[int, int, int]) -> torch.Tensor:
    return Dropout(rate, locked, torch.Generator().manual_seed(3))(torch.ones(shape))


@pytest.mark.parametrize("locked", [True, False])
def test_a_share_of_the_numbers_is_zeroed_and_the_mean_stays(locked: bool) -> None:
    x = dropped(0.25, locked=locked, shape=(50, 4, 200))
    # 10,000 draws even when locked: the share is within four standard deviations, 4 sqrt(0.25 0.75 / 10000) = 0.017.
    assert (x == 0).float().mean().item() == pytest.approx(0.25, abs=0.017)
    assert x.max().item() == pytest.approx(1 / 0.75)
    assert x.mean().item() == pytest.approx(1, abs=0.025)


def test_a_locked_mask_is_constant_over_time_and_differs_between_rows() -> None:
    x = dropped(0.5, locked=True, shape=(4, 7, 50))
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert not torch.equal(x[0], x[1])


def test_an_unlocked_mask_changes_over_time() -> None:
    x = dropped(0.5, locked=False, shape=(4, 7, 50))
    assert not torch.equal(x[:, 0], x[:, 1])


def test_rate_zero_leaves_everything_and_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    before, x = generator.get_state(), torch.ones(2, 3, 4)
    assert Dropout(0.0, True, generator)(x) is x
    assert torch.equal(generator.get_state(), before)
