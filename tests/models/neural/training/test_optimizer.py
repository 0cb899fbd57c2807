"""Rates, clipping and decay, by hand."""

import math

import pytest
import torch

from models.neural.config import RecurrentConfig
from models.neural.network import Network
from models.neural.training.config import OptimizerName
from models.neural.training.optimizer import (
    WeightAverage,
    clip_gradients,
    learning_rate_at,
    make_optimizer,
    set_learning_rate,
    weight_norm,
)


def test_learning_rate_of_constant_is_constant() -> None:
    assert {learning_rate_at("constant", 0.3, step, 10, 0.5) for step in range(10)} == {0.3}


@pytest.mark.parametrize(
    ("step", "expected"),
    # (1 + cos(pi step / 8)) / 2 of the peak
    [(0, 1.0), (2, (1 + math.sqrt(0.5)) / 2), (4, 0.5), (8, 0.0)],
)
def test_learning_rate_of_cosine_falls_to_zero(step: int, expected: float) -> None:
    assert learning_rate_at("cosine", 1.0, step, 8, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"),
    # Rising over a quarter of 40 steps: 1/25 + 24/25 of the way; falling by half a cosine over the other 30.
    [(0, 0.04), (5, 0.52), (10, 1.0), (25, 0.50005), (40, 0.0001)],
)
def test_learning_rate_of_one_cycle_rises_and_falls(step: int, expected: float) -> None:
    assert learning_rate_at("one_cycle", 1.0, step, 40, 0.25) == pytest.approx(expected)


def test_learning_rate_of_one_cycle_without_warm_up_begins_at_the_peak() -> None:
    assert learning_rate_at("one_cycle", 2.0, 0, 40, 0.0) == 2.0


def test_weight_norm_is_that_of_matrices_alone() -> None:
    matrices = [torch.tensor([[3.0, 0.0]], requires_grad=True), torch.tensor([[4.0], [12.0]])]
    assert weight_norm([*matrices, torch.tensor([100.0])]) == pytest.approx(13)  # sqrt(9 + 16 + 144)


def with_gradients(*gradients: list[float]) -> list[torch.Tensor]:
    parameters = [torch.zeros(len(g), requires_grad=True) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return parameters


def gradients(parameters: list[torch.Tensor]) -> list[float]:
    return [float(x) for p in parameters if p.grad is not None for x in p.grad]


def test_clip_gradients_scales_the_global_norm_to_the_limit() -> None:
    parameters = with_gradients([3.0, 0.0], [4.0], [12.0])  # sqrt(9 + 16 + 144) = 13
    assert clip_gradients(parameters, 6.5) == pytest.approx(13)
    assert gradients(parameters) == pytest.approx([1.5, 0, 2, 6])


@pytest.mark.parametrize("limit", [0.0, 13.0, 20.0])
def test_clip_gradients_leaves_small_gradients_alone(limit: float) -> None:
    parameters = with_gradients([3.0, 4.0], [12.0])
    assert clip_gradients(parameters, limit) == pytest.approx(13)
    assert gradients(parameters) == [3, 4, 12]


def stepped(name: OptimizerName, weight_decay: float, momentum: float = 0.9, steps: int = 1) -> Network:
    """A network of ones after steps at rate 0.1 with gradients of 0.5 in the embedding, none elsewhere."""
    network = Network(RecurrentConfig("rnn", layers=1, embedding_size=2, hidden_size=2), 3)
    moving = make_optimizer(name, network, weight_decay, momentum)
    set_learning_rate(moving, 0.1)
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    network.embedding.grad = torch.full_like(network.embedding, 0.5)
    for _ in range(steps):
        moving.step()
    return network


@pytest.mark.parametrize(
    ("name", "weight_decay", "expected"),
    [
        ("adamw", 0.0, 0.9),  # Adam's first step is the rate times the gradient's sign
        ("adamw", 0.5, 0.85),  # and the weight shrinks by rate * decay = 0.05 apart from it
        ("adam", 0.5, 0.9),  # L2 in the gradient does not change its sign
        ("sgd", 0.0, 1 - 0.1 * 0.5 * 1.9),  # Nesterov's first step is (1 + momentum) times the gradient
        ("sgd", 0.5, 1 - 0.1 * (0.5 + 0.5) * 1.9),  # L2 adds decay * weight to the gradient
    ],
)
def test_optimizer_first_step_by_hand(name: OptimizerName, weight_decay: float, expected: float) -> None:
    embedding = stepped(name, weight_decay).embedding
    torch.testing.assert_close(embedding, torch.full_like(embedding, expected))


def test_optimizer_sgd_without_momentum_is_plain_descent() -> None:
    embedding = stepped("sgd", 0.0, momentum=0.0, steps=3).embedding
    torch.testing.assert_close(embedding, torch.full_like(embedding, 1 - 3 * 0.05))


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_optimizer_does_not_decay_biases(name: OptimizerName) -> None:
    assert torch.equal(stepped(name, 0.5).output_bias, torch.ones(3))


def test_weight_average_is_a_decaying_mean_from_the_first_step() -> None:
    weights = {"w": torch.zeros(1)}
    average = WeightAverage(weights, 0.5)
    for step, value in enumerate((1.0, 2.0, 4.0), start=1):
        weights["w"].fill_(value)
        average.update(step)
    # (0.25 * 1 + 0.5 * 2 + 1 * 4) / (0.25 + 0.5 + 1): the zeros before the first step count for nothing.
    assert average.weights["w"].item() == pytest.approx(5.25 / 1.75)


def test_weight_average_does_not_touch_the_weights() -> None:
    weights = {"w": torch.ones(2)}
    WeightAverage(weights, 0.9).update(1)
    assert torch.equal(weights["w"], torch.ones(2))
