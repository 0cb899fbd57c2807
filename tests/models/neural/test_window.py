"""The feed-forward layer against its formula, and what it forgets."""

import pytest
import torch

from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.network import FeedForwardLayer, Network


def layer(width: int) -> FeedForwardLayer:
    made = FeedForwardLayer(width, 3, 2, torch.tanh)
    generator = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return made.requires_grad_(False)


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
def test_it_follows_the_formula_in_one_piece_and_in_several(width: int) -> None:
    window, read = layer(width), torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(2))
    expected = torch.stack([naive(window, row, width) for row in read])
    blank = torch.zeros(2, 2), torch.zeros(2, (width - 1) * 3)
    torch.testing.assert_close(window(read, blank)[0], expected)
    vectors, parts = blank, []
    for part in read.split([1, 4, 2], 1):
        outputs, vectors = window(part, vectors)
        parts.append(outputs)
    torch.testing.assert_close(torch.cat(parts, 1), expected)
    torch.testing.assert_close(vectors[0], expected[:, -1])


def test_what_lies_before_the_window_makes_no_difference() -> None:
    config = RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=3)
    network = Network(config, 9)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    texts = torch.tensor([[8, 7, 1, 2, 3], [4, 5, 1, 2, 3]])
    outputs, _ = network(texts, config.zero(2))
    torch.testing.assert_close(outputs[0, -1], outputs[1, -1])
    assert not torch.allclose(outputs[0, -2], outputs[1, -2])


def test_it_has_one_layer() -> None:
    with pytest.raises(InvalidInput, match=r"layers: .* only 1 is accepted"):
        RecurrentConfig("feedforward", layers=2)
