"""The layer of a feed-forward language model: it sees the last few tokens, and nothing before them.

Bengio et al. 2003, equation (1) without direct connections: f(sum_j W_j e_{t-j} + b). It is what recurrent models were
the answer to, and a recurrent layer in form: what it carries from call to call are the vectors it still sees.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.neural.noise import SILENCE, Noise


class Window(nn.Module):
    """One hidden layer [H] over the vectors [E] of the last W tokens."""

    def __init__(self, width: int, inputs: int, outputs: int, nonlinearity: Callable[[Tensor], Tensor]) -> None:
        """`width` is W. The weights are uninitialised; those of the token read last come last."""
        super().__init__()
        self._width, self._nonlinearity = width, nonlinearity
        self.weight = nn.Parameter(torch.empty(outputs, width * inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(
        self, inputs: Tensor, vectors: tuple[Tensor, ...], noise: Noise = SILENCE
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read [B, T, E] after `vectors`: the last output [B, H], and the last W - 1 inputs [B, (W - 1) E].

        Inputs stand oldest first. Returns the outputs [B, T, H] and the vectors after. No recurrent matrix is there for
        `noise` to disturb.
        """
        del noise
        rows, _, size = inputs.shape
        seen = torch.cat([vectors[1].view(rows, self._width - 1, size), inputs], 1)
        windows = seen.unfold(1, self._width, 1).transpose(2, 3).flatten(2)
        outputs = self._nonlinearity(functional.linear(windows, self.weight, self.bias))
        return outputs, (outputs[:, -1], seen[:, inputs.shape[1] :].flatten(1))
