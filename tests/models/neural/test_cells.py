"""Cells in NumPy: gates by hand, vectors as PyTorch's kernels have them."""

import ctypes
import math

import numpy as np
import pytest
import torch

from models.model import Tensors
from models.neural.cells import GATES, read_tokens, sigmoid, zero_step
from models.neural.config import RecurrentConfig
from models.neural.network import Network
from tests.helpers.language_models import arrays

SIGNALING_NAN = 0x7F800001
LOG_9 = math.log(9)
"""sigmoid(log 9) = 0.9, sigmoid(-log 9) = 0.1."""


def tiny(kind: str, input_weights: list[float], hidden_weights: list[float]) -> tuple[RecurrentConfig, Tensors]:
    """Make a layer of a single unit over embeddings 0, 1 and 2 of one number each."""
    config = RecurrentConfig(kind, layers=1, embedding_size=1, hidden_size=1)  # type: ignore[arg-type]
    columns = {"weight_ih": input_weights, "weight_hh": hidden_weights}
    weights = {f"layers.0.{name}": np.array(column, np.float32)[:, None] for name, column in columns.items()}
    biases = {f"layers.0.bias_{part}": np.zeros(len(input_weights), np.float32) for part in ("ih", "hh")}
    return config, {"embedding": np.array([[0], [1], [2]], np.float32), **weights, **biases}


def test_lstm_gates_by_hand() -> None:
    config, weights = tiny("lstm", [LOG_9, -LOG_9, 1, 0], [0, 0, 0, 1])
    zeros = (np.zeros((1, 1, 1), np.float32),) * 2
    (layer,) = read_tokens(config, weights, zeros, np.array([1, 0]))
    # x = 1: i = 0.9, f = 0.1, g = tanh 1, o = sigmoid(0); then x = 0: i = f = 0.5, g = 0, o = sigmoid(h).
    cell = 0.9 * math.tanh(1)
    hidden = 0.5 * math.tanh(cell)
    opening = 1 / (1 + math.exp(-hidden))
    assert layer.gates["input"][:, 0].tolist() == pytest.approx([0.9, 0.5])
    assert layer.gates["forget"][:, 0].tolist() == pytest.approx([0.1, 0.5])
    assert layer.gates["output"][:, 0].tolist() == pytest.approx([0.5, opening])
    assert [float(v[1][0]) for v in layer.vectors] == pytest.approx([cell, cell / 2])
    assert [float(v[0][0]) for v in layer.vectors] == pytest.approx([hidden, opening * math.tanh(cell / 2)])


def test_gru_open_update_gate_keeps_the_vector_by_hand() -> None:
    config, weights = tiny("gru", [-LOG_9, LOG_9, 1], [0, 0, 2])
    (layer,) = read_tokens(config, weights, (np.full((1, 1, 1), 0.5, np.float32),), np.array([1]))
    # r = 0.1, z = 0.9, n = tanh(1 + 0.1 * 2 * 0.5): h' = 0.1 n + 0.9 * 0.5 (Cho et al. 2014).
    assert (layer.gates["reset"].item(), layer.gates["update"].item()) == pytest.approx((0.1, 0.9))
    assert layer.vectors[0][0].item() == pytest.approx(0.1 * math.tanh(1.1) + 0.45)


KINDS = [
    RecurrentConfig("lstm", layers=2, embedding_size=3, hidden_size=4),
    RecurrentConfig("gru", layers=2, embedding_size=3, hidden_size=4),
    RecurrentConfig("rnn", layers=2, embedding_size=3, hidden_size=4),
    RecurrentConfig("rnn", "relu", layers=1, embedding_size=3, hidden_size=4),
    RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=3),
    RecurrentConfig("feedforward", "relu", layers=1, embedding_size=3, hidden_size=4, window=1),
]


@pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{c.kind} {c.nonlinearity}")
def test_cells_have_the_vectors_of_the_network(config: RecurrentConfig) -> None:
    network = Network(config, 7)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(3))
    network.requires_grad_(False)
    state = network.zero_state(1)
    layers = read_tokens(config, arrays(network), tuple(v.numpy() for v in state), np.array([5, 1, 6]))
    for t, token in enumerate((5, 1, 6)):
        _, state = network(torch.tensor([[token]]), state)
        for i, layer in enumerate(layers):
            assert tuple(layer.gates) == GATES[config.kind]
            for own, expected in zip(layer.vectors[t], state, strict=True):
                np.testing.assert_allclose(own, expected[0, i].numpy(), atol=1e-5)


@pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{c.kind} {c.nonlinearity}")
def test_zero_step_is_a_step_on_a_token_whose_vector_is_zero(config: RecurrentConfig) -> None:
    network = Network(config, 7)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(3))
    network.requires_grad_(False)
    network.embedding[4] = 0
    _, expected = network(torch.tensor([[4]]), network.zero_state(1))
    for own, stepped in zip(zero_step(config, arrays(network)), expected, strict=True):
        np.testing.assert_allclose(own, stepped.numpy(), atol=1e-6)


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]


class StackWords(ctypes.Structure):
    """64 KB that a call by value leaves on the stack."""

    _fields_ = [("words", ctypes.c_uint32 * (1 << 14))]


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "feedforward"])
def test_vectors_of_five_numbers_raise_no_warning_of_what_lay_on_the_stack(kind: str) -> None:
    config = RecurrentConfig(kind, layers=1, embedding_size=5, hidden_size=5)  # type: ignore[arg-type]
    weights = {name: np.ones_like(weight) for name, weight in arrays(Network(config, 3)).items()}
    absolute = ctypes.CDLL(None).abs
    absolute.argtypes = [StackWords]
    absolute(StackWords((ctypes.c_uint32 * (1 << 14))(*[SIGNALING_NAN] * (1 << 14))))
    assert all(np.isfinite(vector).all() for vector in zero_step(config, weights))
