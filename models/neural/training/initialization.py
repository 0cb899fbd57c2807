"""Initialization of a network: random matrices, zero biases, output bias of log unigram frequencies."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.neural.network import Network
from models.neural.training.config import InitializationMethod


@torch.no_grad()
def initialize(
    network: Network, method: InitializationMethod, scale: float, counts: NDArray[np.int64], generator: torch.Generator
) -> None:
    """Fill every parameter of the network in place.

    `counts` [V] says how often each token occurs in the training text; `scale` is the bound of `uniform`. The network
    starts from the unigram distribution rather than from a uniform one, which it would have to learn first.
    """
    for parameter in network.parameters():
        parameter.zero_()
    for name, matrix in network.named_matrices():
        if name.startswith("layers."):
            # The gates are stacked in one parameter, and a gate's fan-out is its own.
            for gate in torch.split(matrix, network.config.hidden_size):
                fill_matrix(gate, len(gate), method, scale, generator)
        else:
            # A table of token vectors counts as square: however many tokens there are, each touches one row of it.
            fill_matrix(matrix, len(matrix) if name == "projection" else matrix.shape[1], method, scale, generator)
    network.output_bias.copy_(log_unigram_probabilities(counts))


def log_unigram_probabilities(counts: NDArray[np.int64]) -> Tensor:
    """Return log-probabilities [V] in nats of tokens by frequency, with add-one smoothing."""
    return torch.from_numpy(np.log(counts + 1.0) - math.log(counts.sum() + len(counts))).float()


def fill_matrix(
    matrix: Tensor, fan_out: int, method: InitializationMethod, scale: float, generator: torch.Generator
) -> None:
    """Fill a matrix with random numbers.

    `xavier`: Glorot and Bengio 2010, eq. 16. `lecun_normal`: LeCun et al. 1998, eq. 16. `he`: He et al. 2015, eq. 10.
    `uniform`: between -scale and scale.
    """
    fan_in = matrix.shape[1]
    if method == "uniform":
        matrix.uniform_(-scale, scale, generator=generator)
    elif method == "lecun_normal":
        matrix.normal_(0.0, math.sqrt(1 / fan_in), generator=generator)
    elif method == "he":
        matrix.normal_(0.0, math.sqrt(2 / fan_in), generator=generator)
    else:
        bound = math.sqrt(6 / (fan_in + fan_out))
        matrix.uniform_(-bound, bound, generator=generator)
