"""The networks against the textbook equations, written once more in numpy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.neural.config import NetworkKind, Nonlinearity, RecurrentConfig
from models.neural.dropout import DropoutHooks
from models.neural.network import FeedForwardLayer, Network, RecurrentState

Array = NDArray[np.float64]
SMALL = RecurrentConfig(layers=2, embedding_size=3, hidden_size=4)
FAMILIES = [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]


def network(config: RecurrentConfig, vocabulary_size: int = 7) -> Network:
    net = Network(config, vocabulary_size)
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return net.requires_grad_(False)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def textbook(config: RecurrentConfig, weights: dict[str, Array], x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """Compute a step of a layer for a row, straight from the papers that `RecurrentLayer` names."""
    by_input = np.split(weights["weight_ih"] @ x + weights["bias_ih"], weights["bias_ih"].size // h.size)
    by_hidden = np.split(weights["weight_hh"] @ h + weights["bias_hh"], weights["bias_hh"].size // h.size)
    if config.kind == "rnn":
        a = by_input[0] + by_hidden[0]
        return (np.tanh(a) if config.nonlinearity == "tanh" else np.maximum(a, 0)), c
    if config.kind == "gru":
        r, z = (sigmoid(by_input[k] + by_hidden[k]) for k in range(2))
        n = np.tanh(by_input[2] + r * by_hidden[2])
        return (1 - z) * n + z * h, c
    i, f, g, o = (by_input[k] + by_hidden[k] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize(("kind", "nonlinearity"), FAMILIES)
def test_layers_follow_the_textbook(kind: NetworkKind, nonlinearity: Nonlinearity, length: int) -> None:
    config = replace(SMALL, kind=kind, nonlinearity=nonlinearity)
    net = network(config)
    weights = {name: p.double().numpy() for name, p in net.named_parameters()}
    tokens = torch.tensor([[3, 1, 6, 0, 2][:length]])
    outputs, vectors = net(tokens, net.zero_state(1))
    h, c = np.zeros((2, 4)), np.zeros((2, 4))
    for t in range(length):
        x = weights["embedding"][tokens[0, t]]
        for layer in range(2):
            mine = {k.split(".")[-1]: w for k, w in weights.items() if k.startswith(f"layers.{layer}.")}
            h[layer], c[layer] = textbook(config, mine, x, h[layer], c[layer])
            x = h[layer]
        np.testing.assert_allclose(outputs[0, t], x, atol=1e-5, rtol=1e-4)
    for vector, expected in zip(vectors, (h, c), strict=False):
        np.testing.assert_allclose(vector[0], expected, atol=1e-5, rtol=1e-4)


def test_zero_state_has_cells_for_an_lstm_only() -> None:
    def carried(kind: NetworkKind) -> RecurrentState:
        return Network(replace(SMALL, kind=kind), 7).zero_state(3)

    assert [len(carried("rnn")), len(carried("gru")), len(carried("lstm"))] == [1, 1, 2]
    assert carried("lstm")[1].shape == (3, 2, 4)


def test_logits_of_a_tied_network_are_similarities_to_embeddings() -> None:
    net = network(SMALL)
    outputs = torch.randn(2, 4, generator=torch.Generator().manual_seed(2))
    assert net.projection is not None
    expected = outputs @ net.projection.T @ net.embedding.T + net.output_bias
    torch.testing.assert_close(net.logits(outputs), expected)


def test_network_has_projection_or_output_weight_as_needed() -> None:
    names = {name for name, _ in Network(replace(SMALL, embedding_size=4), 7).named_matrices()}
    assert not names & {"projection", "output_weight"}
    untied = Network(replace(SMALL, tied=False), 7)
    assert untied.projection is None
    assert untied.output_matrix.shape == (7, 4)


def test_network_calls_dropout_hooks_below_between_above_and_within_layers() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def spy(place: str) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: (seen.append((place, tuple(x.shape))), x)[1]

    net, tokens = network(SMALL), torch.zeros(2, 5, dtype=torch.int64)
    below = spy("embedded")
    noise = DropoutHooks(
        lambda x, read: below(x) if read is tokens else x, spy("between"), spy("output"), spy("recurrent")
    )
    outputs, vectors = net(tokens, net.zero_state(2), noise)
    vectors_seen = [("between", (2, 5, 4)), ("embedded", (2, 5, 3)), ("output", (2, 5, 4))]
    assert sorted(seen) == [*vectors_seen, ("recurrent", (16, 4)), ("recurrent", (16, 4))]
    quiet = net(tokens, net.zero_state(2))
    assert torch.equal(outputs, quiet[0])
    assert all(torch.equal(a, b) for a, b in zip(vectors, quiet[1], strict=True))


def test_network_gives_dropped_recurrent_weights_no_gradient() -> None:
    net = network(SMALL).requires_grad_(True)
    mask = torch.ones_like(net.layers[0].weight_hh)
    mask[0] = 0
    noise = DropoutHooks(recurrent_weights=lambda matrix: matrix * mask)
    outputs, _ = net(torch.zeros(2, 5, dtype=torch.int64), net.zero_state(2), noise)
    outputs.sum().backward()
    gradient = net.layers[0].weight_hh.grad
    assert not gradient[0].any()
    assert gradient[1:].any()


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "transformer"), ("nonlinearity", "gelu"), ("storage", "int8"), ("layers", 0), ("hidden_size", 1.5)],
)
def test_config_names_the_field_it_refuses(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="accepted") as caught:
        RecurrentConfig(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def window_layer(width: int) -> FeedForwardLayer:
    feedforward = FeedForwardLayer(width, 3, 2, torch.tanh)
    generator = torch.Generator().manual_seed(1)
    for parameter in feedforward.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return feedforward.requires_grad_(False)


def naive(window: FeedForwardLayer, read: torch.Tensor, width: int) -> torch.Tensor:
    """tanh(sum_j W_j e_{t-j} + b) of one row [T, E], zeros before its first token."""
    outputs = []
    for t in range(len(read)):
        total = window.bias.clone()
        for j in range(width):
            if t - j >= 0:
                begin = (width - 1 - j) * 3
                total += window.weight[:, begin : begin + 3] @ read[t - j]
        outputs.append(total.tanh())
    return torch.stack(outputs)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_feedforward_layer_follows_the_formula_in_one_piece_and_in_several(width: int) -> None:
    window, read = window_layer(width), torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(2))
    expected = torch.stack([naive(window, row, width) for row in read])
    blank = torch.zeros(2, 2), torch.zeros(2, (width - 1) * 3)
    torch.testing.assert_close(window(read, blank)[0], expected)
    vectors, parts = blank, []
    for part in read.split([1, 4, 2], 1):
        outputs, vectors = window(part, vectors)
        parts.append(outputs)
    torch.testing.assert_close(torch.cat(parts, 1), expected)
    torch.testing.assert_close(vectors[0], expected[:, -1])


def test_feedforward_network_ignores_tokens_before_its_window() -> None:
    config = RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=3)
    network = Network(config, 9)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    texts = torch.tensor([[8, 7, 1, 2, 3], [4, 5, 1, 2, 3]])
    outputs, _ = network(texts, network.zero_state(2))
    torch.testing.assert_close(outputs[0, -1], outputs[1, -1])
    assert not torch.allclose(outputs[0, -2], outputs[1, -2])


def test_config_refuses_a_second_feedforward_layer() -> None:
    with pytest.raises(InvalidInput, match=r"layers: .* only 1 is accepted"):
        RecurrentConfig("feedforward", layers=2)
