"""Gates as the cells themselves have them, one step at a time."""

from itertools import pairwise

import pytest
import torch

from models.errors import InvalidInput
from models.neural.analysis import gate_activations, gradient_norms_by_distance, gradient_norms_by_layer
from models.neural.config import NetworkKind, RecurrentConfig
from models.neural.network import Network
from models.special_tokens import EOS


def network(kind: NetworkKind) -> Network:
    net = Network(RecurrentConfig(kind, layers=1 if kind == "feedforward" else 2, embedding_size=3, hidden_size=4), 9)
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return net.requires_grad_(False)


def test_gate_activations_have_the_norms_of_the_state() -> None:
    net, tokens = network("lstm"), torch.tensor([5, 3, 8])
    activations = gate_activations(net, tokens)
    _, vectors = net(torch.tensor([[EOS]]), net.zero_state(1))
    for token, layers in zip(tokens, activations, strict=True):
        _, vectors = net(token[None, None], vectors)
        for layer, openings in enumerate(layers):
            assert openings["hidden_norm"] == pytest.approx(vectors[0][0, layer].norm().item(), rel=1e-4)
            assert openings["cell_norm"] == pytest.approx(vectors[1][0, layer].norm().item(), rel=1e-4)


@pytest.mark.parametrize(("kind", "names"), [("lstm", {"input", "forget", "output"}), ("gru", {"reset", "update"})])
def test_gate_activations_show_gates_that_biases_hold_open_or_shut(kind: NetworkKind, names: set[str]) -> None:
    net = network(kind)
    for layer in net.layers:
        # Of four units' gates, those of the first gate stand open, all others are shut.
        layer.bias_ih.fill_(-100.0)[:4] = 100.0
    for layers in gate_activations(net, torch.tensor([2, 7])):
        for openings in layers:
            assert names < set(openings)
            opened = [name for name in names if openings[name] > 0.5]
            assert opened == ["input" if kind == "lstm" else "reset"]


@pytest.mark.parametrize("kind", ["rnn", "feedforward"])
def test_gate_activations_refuse_networks_without_gates(kind: NetworkKind) -> None:
    with pytest.raises(InvalidInput, match=f"kind {kind} has no gates"):
        gate_activations(network(kind), torch.tensor([1]))


def test_gradient_norms_fall_by_the_weight_at_each_step_of_a_linear_chain() -> None:
    # One unit that passes on half of itself: h' = relu(x + h / 2), all positive.
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=1, hidden_size=1)
    network = Network(config, 3)
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.0)
    with torch.no_grad():
        network.embedding.fill_(1.0)
        network.layers[0].weight_ih.fill_(1.0)
        network.layers[0].weight_hh.fill_(0.5)
        network.embedding[2] = 3.0  # so that the words' logits differ
    norms = gradient_norms_by_distance(network, torch.tensor([[0, 1, 0, 1, 2], [1, 1, 0, 0, 1]]))
    assert len(norms) == 4
    assert [after / before for before, after in pairwise(norms)] == pytest.approx([0.5] * 3)


def test_gradient_norms_by_layer_shrink_by_the_weight_of_each_layer() -> None:
    # Three layers of one unit, each passing on 0.5 of the one below: relu(x / 2), all positive, no recurrence.
    network = Network(RecurrentConfig("rnn", "relu", layers=3, embedding_size=1, hidden_size=1), 3)
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.0)
    with torch.no_grad():
        network.embedding.copy_(torch.tensor([[1.0], [1.0], [3.0]]))
        for layer in network.layers:
            layer.weight_ih.fill_(0.5)
    norms = gradient_norms_by_layer(network, torch.tensor([[0, 1, 2], [1, 0, 1]]))
    assert len(norms) == 4  # the top layer's outputs first, the embedding last
    assert [after / before for before, after in pairwise(norms)] == pytest.approx([0.5] * 3)


def test_gradient_norms_are_zero_before_the_window_of_a_feedforward_network() -> None:
    config = RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=2)
    network = Network(config, 5)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    norms = gradient_norms_by_distance(network, torch.tensor([[1, 2, 3, 4, 0]]))
    assert norms[0] > 0
    assert norms[1] > 0
    assert norms[2:] == [0.0, 0.0]
