"""The last tokens that were read, as part of a state: what a cache remembers.

A boundary before any word is where a text begins, not a part of it, so it is not remembered: the state that has read
only the boundary remembers as little as the one that has read nothing. It knows tokens and windows of them; it does not
know what is made of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.special_tokens import EOS

EMPTY_SLOT = -1
"""In place of a token, where none is remembered."""


def empty_window(rows: int, window: int) -> NDArray[np.int64]:
    """No token: int64 [rows, window]."""
    return np.full((rows, window), EMPTY_SLOT)


def mask_leading_eos(history: Tensor, tokens: Tensor) -> Tensor:
    """`tokens` [B, T] with NOTHING in place of the boundaries before any word."""
    leading = (tokens == EOS).cumprod(1).bool() & (history[:, -1:] == EMPTY_SLOT)
    return tokens.masked_fill(leading, EMPTY_SLOT)


def slide_window(before: Tensor, read: Tensor, lengths: Tensor | None) -> NDArray[Any]:
    """The last N of [B, N, ...] and then [B, T, ...], of which row i counts the first `lengths[i]`: [B, N, ...]."""
    window = before.shape[1]
    both = torch.cat([before, read], 1)
    if lengths is None:
        return both[:, read.shape[1] :].clone().numpy()
    at = torch.arange(window) + lengths[:, None]
    return both[torch.arange(len(both))[:, None], at].numpy()


def mix_logprobs(logprobs: Tensor, kept: Tensor, cached: Tensor) -> Tensor:
    """log(kept P + cached) of log P [...], of the share that is left to it and of what a cache adds, of that shape."""
    return torch.logaddexp(logprobs + kept.log(), cached.log())
