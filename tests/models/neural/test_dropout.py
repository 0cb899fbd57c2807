"""Dropout: statistics, and what a mask is shared by."""

import pytest
import torch

from models.neural.dropout import Dropout, WeightDrop, WordDropout


def dropped(rate: float, *, locked: bool, shape: tuple[int, int, int]) -> torch.Tensor:
    return Dropout(rate, locked, torch.Generator().manual_seed(3))(torch.ones(shape))


@pytest.mark.parametrize("locked", [True, False])
def test_dropout_zeroes_a_share_and_keeps_the_mean(locked: bool) -> None:
    x = dropped(0.25, locked=locked, shape=(50, 4, 200))
    # 10,000 draws even when locked: the share is within four standard deviations, 4 sqrt(0.25 0.75 / 10000) = 0.017.
    assert (x == 0).float().mean().item() == pytest.approx(0.25, abs=0.017)
    assert x.max().item() == pytest.approx(1 / 0.75)
    assert x.mean().item() == pytest.approx(1, abs=0.025)


def test_dropout_mask_that_is_locked_is_constant_over_time() -> None:
    x = dropped(0.5, locked=True, shape=(4, 7, 50))
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert not torch.equal(x[0], x[1])


def test_dropout_mask_that_is_not_locked_changes_over_time() -> None:
    x = dropped(0.5, locked=False, shape=(4, 7, 50))
    assert not torch.equal(x[:, 0], x[:, 1])


def test_dropout_of_rate_zero_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    before, x = generator.get_state(), torch.ones(2, 3, 4)
    assert Dropout(0.0, True, generator)(x) is x
    assert torch.equal(generator.get_state(), before)


def test_word_dropout_drops_a_word_wherever_it_stands() -> None:
    tokens = torch.arange(6).repeat(3, 4)
    x = WordDropout(0.5, 6, torch.Generator().manual_seed(1))(torch.ones(3, 24, 2), tokens)
    scales = x[0, :6, 0]
    assert set(scales.tolist()) == {0.0, 2.0}
    assert torch.equal(x, scales[tokens][..., None].expand_as(x))


def test_weight_drop_drops_single_weights() -> None:
    matrix = WeightDrop(0.25, torch.Generator().manual_seed(1))(torch.ones(100, 100))
    assert (matrix == 0).float().mean().item() == pytest.approx(0.25, abs=0.017)  # as above
    assert matrix.max().item() == pytest.approx(1 / 0.75)


def test_word_and_weight_dropout_of_rate_zero_change_nothing() -> None:
    generator, x = torch.Generator(), torch.ones(2, 3, 4)
    assert WordDropout(0.0, 5, generator)(x, torch.zeros(2, 3, dtype=torch.int64)) is x
    assert WeightDrop(0.0, generator)(x) is x
