"""Dropout: which numbers are zeroed in training, and by how much the rest grow.

It knows rates, masks and the random numbers they are drawn from. It does not know where in a network it is applied,
nor whether training goes on: whoever computes without dropout does not call it.

Where training disturbs a network, so that it does not learn its text by heart.

It knows the places; what is done there is `dropout`'s, and which rates a recipe asks for `trainer`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        return x * _mask((x.shape[0], 1, x.shape[2]) if self.locked else x.shape, self.rate, self.generator)


@dataclass(frozen=True)
class WordDropout:
    """Zeroes the vectors of whole words, wherever in a window they stand (Gal and Ghahramani 2016, section 4.2)."""

    rate: float
    vocabulary_size: int
    generator: torch.Generator

    def __call__(self, vectors: Tensor, tokens: Tensor) -> Tensor:
        """Apply a new mask of words to the vectors [B, T, E] of tokens [B, T]."""
        if not self.rate:
            return vectors
        return vectors * _mask((self.vocabulary_size,), self.rate, self.generator)[tokens][..., None]


@dataclass(frozen=True)
class WeightDrop:
    """Zeroes single weights for a whole window: DropConnect on recurrent matrices (Merity et al. 2018, section 3).

    What a layer tells itself is made unreliable without touching its vectors, so the fused kernels still apply.
    """

    rate: float
    generator: torch.Generator

    def __call__(self, matrix: Tensor) -> Tensor:
        """Apply a new mask to a matrix."""
        return matrix * _mask(matrix.shape, self.rate, self.generator) if self.rate else matrix


def _mask(shape: Sequence[int], rate: float, generator: torch.Generator) -> Tensor:
    """Zeros with probability `rate`, and what keeps the mean at one."""
    kept = 1 - rate
    return torch.empty(*shape).bernoulli_(kept, generator=generator).div_(kept)


def identity(x: Tensor, *_: Tensor) -> Tensor:
    """What stands in for noise where there is none."""
    return x


@dataclass(frozen=True)
class DropoutHooks:
    """What training does to numbers on their way through a network; each keeps the shape of what it is given."""

    embeddings: Callable[[Tensor, Tensor], Tensor] = identity
    """The vectors [B, T, E] of tokens [B, T], before the first layer."""
    between_layers: Callable[[Tensor], Tensor] = identity
    """A layer's outputs [B, T, H], before the next layer."""
    outputs: Callable[[Tensor], Tensor] = identity
    """The top layer's outputs [B, T, H]."""
    recurrent_weights: Callable[[Tensor], Tensor] = identity
    """A layer's matrix from its own last output [G H, H]."""


NO_DROPOUT = DropoutHooks()
