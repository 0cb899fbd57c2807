"""Initialization by the formulas of its methods."""

import math

import numpy as np
import pytest
import torch

from models.neural.config import RecurrentConfig
from models.neural.network import Network
from models.neural.training.config import InitializationMethod
from models.neural.training.initialization import initialize, log_unigram_probabilities

CONFIG = RecurrentConfig("lstm", layers=1, embedding_size=60, hidden_size=90)
COUNTS = np.arange(200)


def initialised(method: InitializationMethod, config: RecurrentConfig = CONFIG, seed: int = 1) -> Network:
    network = Network(config, len(COUNTS))
    initialize(network, method, 0.05, COUNTS, torch.Generator().manual_seed(seed))
    return network.requires_grad_(False)


def test_log_unigram_probabilities_are_smoothed_frequencies() -> None:
    # Counts 3, 0, 1 of 4 tokens, one added to each of three: 4/7, 1/7, 2/7.
    expected = [math.log(4 / 7), math.log(1 / 7), math.log(2 / 7)]
    assert log_unigram_probabilities(np.array([3, 0, 1])).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("method", ["xavier", "lecun_normal", "he", "uniform"])
def test_initialize_zeroes_biases_and_sets_output_bias_to_unigrams(method: InitializationMethod) -> None:
    network = initialised(method)
    biases = {name: p for name, p in network.named_parameters() if p.dim() == 1}
    torch.testing.assert_close(biases.pop("output_bias"), log_unigram_probabilities(COUNTS))
    assert biases
    assert not any(bias.any() for bias in biases.values())


def test_xavier_spreads_by_fan_in_and_fan_out_of_each_gate() -> None:
    weights = dict(initialised("xavier").named_parameters())
    # Standard deviation sqrt(2 / (fan in + fan out)): gates of 90 rows over 60 inputs, 90 over 90, a table of 60.
    for name, fans in (("layers.0.weight_ih", 150), ("layers.0.weight_hh", 180), ("embedding", 120)):
        assert weights[name].std().item() == pytest.approx(math.sqrt(2 / fans), rel=0.03)
    assert weights["layers.0.weight_ih"].abs().max().item() <= math.sqrt(6 / 150)


def test_he_spreads_by_fan_in() -> None:
    weights = dict(initialised("he").named_parameters())
    assert weights["layers.0.weight_ih"].std().item() == pytest.approx(math.sqrt(2 / 60), rel=0.03)
    assert weights["projection"].std().item() == pytest.approx(math.sqrt(2 / 90), rel=0.03)


def test_lecun_normal_is_randn_times_the_root_of_one_over_fan_in() -> None:
    weights = dict(initialised("lecun_normal").named_parameters())
    for name, fan_in in (("layers.0.weight_ih", 60), ("layers.0.weight_hh", 90), ("projection", 90), ("embedding", 60)):
        assert weights[name].std().item() == pytest.approx(math.sqrt(1 / fan_in), rel=0.03)
    # Normal: some numbers lie beyond three deviations, none of a uniform distribution would beyond sqrt(3).
    assert weights["layers.0.weight_hh"].abs().max().item() > 3 * math.sqrt(1 / 90)


def test_uniform_keeps_within_its_scale() -> None:
    for _, matrix in initialised("uniform").named_matrices():
        assert 0.049 < matrix.abs().max().item() <= 0.05
        assert abs(matrix.mean().item()) < 0.002


def test_initialize_gives_the_same_numbers_for_a_seed() -> None:
    def numbers(seed: int) -> torch.Tensor:
        return torch.cat([p.flatten() for p in initialised("xavier", seed=seed).parameters()])

    assert torch.equal(numbers(1), numbers(1))
    assert not torch.equal(numbers(1), numbers(2))
