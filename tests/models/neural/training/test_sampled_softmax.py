"""Sampled softmax: exact where all words are drawn, unbiased otherwise, with torch's own gradient."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.neural.training.sampled_softmax import (
    WordSample,
    WordSampler,
    inclusion_probabilities,
    sampled_cross_entropy,
)

SIZE = 12


def arguments() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    hidden, weight, bias = (torch.randn(*shape, generator=g) for shape in ((9, 4), (SIZE, 4), (SIZE,)))
    targets = torch.randint(SIZE, (9,), generator=g)
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), targets


def naive(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, targets: torch.Tensor, sample: WordSample
) -> torch.Tensor:
    """The formula, a row at a time."""
    losses = []
    for h, t in zip(hidden, targets.tolist(), strict=True):
        logits = weight @ h + bias
        total = logits[t].exp()
        for w, log_inclusion in zip(sample.ids.tolist(), sample.log_inclusion.tolist(), strict=True):
            if w != t:
                total = total + (logits[w] - log_inclusion).exp()
        losses.append(total.log() - logits[t])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("at_once", [1, 20, 1000])
def test_sampled_cross_entropy_and_gradients_follow_the_formula(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.neural.training.loss.LOGITS_PER_SLICE", at_once)
    hidden, weight, bias, targets = arguments()
    sample = WordSample(torch.tensor([0, 2, 3, 7, 11]), torch.tensor([1.0, 0.9, 0.5, 0.5, 0.2]).log())
    loss = sampled_cross_entropy(hidden, weight, bias, targets, sample)
    expected = naive(hidden, weight, bias, targets, sample)
    torch.testing.assert_close(loss, expected)
    parameters = hidden, weight, bias
    for actual, expected_part in zip(
        torch.autograd.grad(3 * loss, parameters), torch.autograd.grad(3 * expected, parameters), strict=True
    ):
        torch.testing.assert_close(actual, expected_part)


def test_sampled_cross_entropy_of_all_words_is_the_whole_softmax() -> None:
    hidden, weight, bias, targets = arguments()
    sample = WordSampler(np.ones(SIZE, np.int64), SIZE, torch.Generator()).draw()
    expected = functional.cross_entropy(functional.linear(hidden, weight, bias), targets)
    torch.testing.assert_close(sampled_cross_entropy(hidden, weight, bias, targets, sample), expected)


def test_sampled_cross_entropy_estimates_the_sum_without_bias() -> None:
    hidden, weight, bias, _ = (x.detach() for x in arguments())
    targets, count = torch.full((1,), 3), 4000
    sampler = WordSampler(np.arange(SIZE), 5, torch.Generator().manual_seed(2))
    own = (weight[3] @ hidden[0] + bias[3]).item()
    # exp(loss) is the sum over own.
    estimates = [
        sampled_cross_entropy(hidden[:1], weight, bias, targets, sampler.draw()).exp().item() for _ in range(count)
    ]
    sums = np.array(estimates) * np.exp(own)
    exact = (weight @ hidden[0] + bias).exp().sum().item()
    assert sums.mean() == pytest.approx(exact, abs=5 * sums.std() / count**0.5)


def test_inclusion_probabilities_by_hand() -> None:
    # Three of (6, 2, 1, 1) in proportion: 1.8, 0.6, 0.3, 0.3. The first is certain; of (2, 1, 1) two are 1, 0.5, 0.5.
    assert inclusion_probabilities(np.array([1.0, 6.0, 2.0, 1.0]), 3) == pytest.approx([0.5, 1.0, 1.0, 0.5])
    assert inclusion_probabilities(np.array([1.0, 1.0, 2.0]), 2) == pytest.approx([0.5, 0.5, 1.0])


@pytest.mark.parametrize("size", [4, 5])
def test_word_sampler_of_all_words_draws_all_words(size: int) -> None:
    assert inclusion_probabilities(np.array([1.0, 6.0, 2.0, 1.0]), size) == pytest.approx([1.0] * 4)


def test_word_sampler_draws_words_by_their_probabilities() -> None:
    counts = np.array([100, 10, 10, 1, 1, 0])
    sampler = WordSampler(counts, 3, torch.Generator().manual_seed(3))
    drawn = torch.zeros(6)
    for _ in range(4000):
        drawn[sampler.draw().ids] += 1
    expected = inclusion_probabilities((counts + 1.0) ** 0.75, 3)
    assert expected.sum() == pytest.approx(3)
    assert (drawn / 4000).numpy() == pytest.approx(expected, abs=0.04)  # five deviations of 0.5 / sqrt(4000)
