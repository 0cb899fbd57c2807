"""Gates as the cells themselves have them, one step at a time."""

import pytest
import torch

from models.errors import InvalidInput
from models.neural.analysis import gate_activations
from models.neural.config import NetworkKind, RecurrentConfig
from models.neural.network import Network
from models.special_tokens import EOS


def network(kind: NetworkKind) -> Network:
    made = Network(RecurrentConfig(kind, layers=1 if kind == "feedforward" else 2, embedding_size=3, hidden_size=4), 9)
    generator = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return made.requires_grad_(False)


def test_norms_are_those_of_the_vectors_carried() -> None:
    net, tokens = network("lstm"), torch.tensor([5, 3, 8])
    found = gate_activations(net, tokens)
    _, vectors = net(torch.tensor([[EOS]]), net.config.zero(1))
    for token, layers in zip(tokens, found, strict=True):
        _, vectors = net(token[None, None], vectors)
        for layer, openings in enumerate(layers):
            assert openings["hidden_norm"] == pytest.approx(vectors[0][0, layer].norm().item(), rel=1e-4)
            assert openings["cell_norm"] == pytest.approx(vectors[1][0, layer].norm().item(), rel=1e-4)


@pytest.mark.parametrize(("kind", "names"), [("lstm", {"input", "forget", "output"}), ("gru", {"reset", "update"})])
def test_gates_that_biases_hold_open_or_shut_are_so(kind: NetworkKind, names: set[str]) -> None:
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
def test_networks_without_gates_are_refused(kind: NetworkKind) -> None:
    with pytest.raises(InvalidInput, match=f"kind {kind} has no gates"):
        gate_activations(network(kind), torch.tensor([1]))
