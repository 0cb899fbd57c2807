"""How far a gradient reaches, against what the shape of a network says of it."""

from itertools import pairwise

import pytest
import torch

from models.neural.analysis import gradient_norms_by_distance
from models.neural.config import RecurrentConfig
from models.neural.network import Network


def test_in_a_linear_chain_it_falls_by_the_weight_at_each_step() -> None:
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
    found = gradient_norms_by_distance(network, torch.tensor([[0, 1, 0, 1, 2], [1, 1, 0, 0, 1]]))
    assert len(found) == 4
    assert [after / before for before, after in pairwise(found)] == pytest.approx([0.5] * 3)


def test_a_window_sees_nothing_before_it() -> None:
    config = RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=2)
    network = Network(config, 5)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    found = gradient_norms_by_distance(network, torch.tensor([[1, 2, 3, 4, 0]]))
    assert found[0] > 0
    assert found[1] > 0
    assert found[2:] == [0.0, 0.0]
