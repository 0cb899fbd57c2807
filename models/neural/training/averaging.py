"""The mean of the weights that a training passes through, which is often better than the last of them.

It knows weights and steps. It does not know what trains them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Average:
    """An exponential moving average (Polyak and Juditsky 1992 for averaging; the decay as in Kingma and Ba 2015)."""

    def __init__(self, weights: Mapping[str, Tensor], memory: float) -> None:
        """Follow `weights`, tensors that are changed in place; `memory` is what is kept of the past at each step."""
        self._followed = weights
        self._memory = memory
        self.weights = {name: tensor.clone() for name, tensor in weights.items()}
        """The mean so far."""

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take in the weights after `step`, counted from 1: their share makes up for there being no steps before."""
        share = (1 - self._memory) / (1 - self._memory**step)
        for name, mean in self.weights.items():
            mean.lerp_(self._followed[name], share)
