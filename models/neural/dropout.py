"""Dropout in training: which numbers are zeroed, and the places of a network where that happens.

`DropoutHooks` names the places; `Dropout`, `WordDropout` and `WeightDrop` draw the masks. Inference passes
`NO_DROPOUT`, so that a network needs no training mode of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dropout:
    """Inverted dropout: zeroes each number with probability `rate` and divides the others by 1 - rate.

    The mean stays as it is, so nothing need be scaled at test time (Srivastava et al. 2014).
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
    """Dropout of whole words, wherever they stand (Gal and Ghahramani 2016, section 4.2)."""

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
    """DropConnect on recurrent matrices: zeroes weights for a whole batch (Merity et al. 2018, section 3).

    It regularizes the recurrence without touching the vectors between two steps, so the fused kernels still apply.
    """

    rate: float
    generator: torch.Generator

    def __call__(self, matrix: Tensor) -> Tensor:
        """Apply a new mask to a matrix."""
        return matrix * _mask(matrix.shape, self.rate, self.generator) if self.rate else matrix


def identity(x: Tensor, *_: Tensor) -> Tensor:
    """Return `x` unchanged, as a hook that drops nothing does."""
    return x


@dataclass(frozen=True)
class DropoutHooks:
    """Functions that a network applies to its numbers in training; the results keep the shapes."""

    embeddings: Callable[[Tensor, Tensor], Tensor] = identity
    """To the vectors [B, T, E] of tokens [B, T], before the first layer."""
    between_layers: Callable[[Tensor], Tensor] = identity
    """To a layer's outputs [B, T, H], before the next layer."""
    outputs: Callable[[Tensor], Tensor] = identity
    """To the top layer's outputs [B, T, H]."""
    recurrent_weights: Callable[[Tensor], Tensor] = identity
    """To the matrix [G H, H] through which a layer reads its own last output."""


NO_DROPOUT = DropoutHooks()


def _mask(shape: Sequence[int], rate: float, generator: torch.Generator) -> Tensor:
    """Draw zeros with probability `rate`, and otherwise 1 / (1 - rate), so that the mean is one."""
    keep_rate = 1 - rate
    return torch.empty(*shape).bernoulli_(keep_rate, generator=generator).div_(keep_rate)
