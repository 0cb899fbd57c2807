"""Where training disturbs a network, so that it does not learn its text by heart.

It knows the places; what is done there is `dropout`'s, and which rates a recipe asks for `trainer`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


def unchanged(x: Tensor, *_: Tensor) -> Tensor:
    """What stands in for noise where there is none."""
    return x


@dataclass(frozen=True)
class Noise:
    """What training does to numbers on their way through a network; each keeps the shape of what it is given."""

    embedded: Callable[[Tensor, Tensor], Tensor] = unchanged
    """The vectors [B, T, E] of tokens [B, T], before the first layer."""
    between: Callable[[Tensor], Tensor] = unchanged
    """A layer's outputs [B, T, H], before the next layer."""
    output: Callable[[Tensor], Tensor] = unchanged
    """The top layer's outputs [B, T, H]."""
    recurrent: Callable[[Tensor], Tensor] = unchanged
    """A layer's matrix from its own last output [G H, H]."""


SILENCE = Noise()
