"""Dropout: which numbers are zeroed in training, and by how much the rest grow.

It knows rates, masks and the random numbers they are drawn from. It does not know where in a network it is applied,
nor whether training goes on: whoever computes without dropout does not call it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dropout:
    """Zeroes each number with probability `rate` and divides the others by 1 - rate, so that the mean stays as it is.

    Inverted dropout (Srivastava et al. 2014): nothing need be scaled at test time.
    """

    rate: float
    locked: bool
    """One mask for all time steps of a sequence (Gal and Ghahramani 2016) rather than a new one at every step."""
    generator: torch.Generator

    def __call__(self, x: Tensor) -> Tensor:
        """Apply a new mask to [B, T, H]."""
        if not self.rate:
            return x
        shape = (x.shape[0], 1, x.shape[2]) if self.locked else x.shape
        kept = 1 - self.rate
        return x * torch.empty(shape).bernoulli_(kept, generator=self.generator).div_(kept)
