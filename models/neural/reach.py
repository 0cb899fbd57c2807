"""How far back a gradient reaches: what a network learns at one token about those it read before.

It knows networks and gradients. It does not know texts or how the networks were trained.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.neural.network import Network
from models.neural.noise import Noise


def reach(network: Network, tokens: Tensor) -> list[float]:
    """The norm of the loss's gradient by the vector of the token k steps before the last, k = 0, 1, ..., T - 2.

    `tokens` [B, T] are read from blank vectors, the last one of each row is predicted; the mean over rows. In a plain
    recurrent network it is a product of as many Jacobians as there are steps (Bengio et al. 1994; Pascanu et al. 2013).
    """
    read: list[Tensor] = []

    def capture(vectors: Tensor, _: Tensor) -> Tensor:
        read.append(vectors.detach().requires_grad_())
        return read[0]

    outputs, _ = network(tokens[:, :-1], network.config.zero(len(tokens)), Noise(embedded=capture))
    loss = functional.cross_entropy(network.logits(outputs[:, -1]), tokens[:, -1], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, read)
    norms: list[float] = gradient.norm(dim=2).mean(0).flip(0).tolist()
    return norms
