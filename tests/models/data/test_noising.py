"""Kneser-Ney noise: rates and replacements counted by hand, line ends untouched."""

import numpy as np
import torch

from models.data.bptt_batches import BpttBatch
from models.data.noising import KneserNeyNoise
from models.special_tokens import EOS

# Bigrams of the ring: 2 3, 3 1, 1 2, 2 4, 4 1, 1 2, 2 3, 3 1, 1 2.
TEXT = np.array([2, 3, 1, 2, 4, 1, 2, 3, 1])


def noised(inputs: list[int], targets: list[int], gamma: float, rows: int) -> BpttBatch:
    noise = KneserNeyNoise(TEXT, gamma, 6, torch.Generator().manual_seed(1))
    batch = (torch.tensor(values).repeat(rows, 1) for values in (inputs, targets))
    return noise(BpttBatch(*batch, torch.zeros(rows, dtype=torch.bool)))


def test_kneser_ney_noise_replaces_tokens_at_the_rate_of_their_different_successors() -> None:
    batch = noised([2, 3, 4], [3, 2, 2], 0.6, 20_000)
    # N1+(2 .) = 2 of c(2) = 3; N1+(3 .) = 1 of 2; N1+(4 .) = 1 of 1. Of the predecessors, 2, 3 and 4 have one each, so
    # that a third of the replacements are what stood there.
    changed = (batch.inputs != torch.tensor([2, 3, 4])).float().mean(0)
    torch.testing.assert_close(changed, torch.tensor([0.4, 0.3, 0.6]) * 2 / 3, atol=0.02, rtol=0)
    drawn = batch.inputs[batch.inputs[:, 2] != 4, 2].bincount(minlength=6)
    assert drawn.nonzero()[:, 0].tolist() == [2, 3]
    torch.testing.assert_close(drawn[2] / drawn.sum(), torch.tensor(0.5), atol=0.02, rtol=0)


def test_kneser_ney_noise_replaces_a_target_only_with_its_input() -> None:
    batch = noised([4], [2], 0.9, 1000)
    kept = batch.targets[:, 0] == 2
    assert 0.1 < kept.float().mean() < 0.6
    assert (batch.inputs[~kept, 0] != 4).any()
    clean = noised([1], [2], 0.9, 1000)
    assert (clean.targets == 2).all()


def test_kneser_ney_noise_leaves_line_ends_alone() -> None:
    batch = noised([EOS, 4], [2, EOS], 0.9, 1000)
    assert (batch.inputs[:, 0] == EOS).all()
    assert (batch.targets[:, 1] == EOS).all()
    assert not (batch.inputs[:, 1] == EOS).any()


def test_kneser_ney_noise_of_empty_lines_replaces_nothing() -> None:
    noise = KneserNeyNoise(np.array([EOS, EOS]), 0.5, 4, torch.Generator())
    lines = torch.full((3, 2), EOS)
    batch = noise(BpttBatch(lines, lines, torch.zeros(3, dtype=torch.bool)))
    assert (batch.inputs == EOS).all()
    assert (batch.targets == EOS).all()
