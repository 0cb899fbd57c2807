"""The last tokens that were read, as part of a state: what a cache remembers.

A boundary before the first word is no part of the text and not remembered: the begin state remembers nothing either.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.model import Floats, Lengths, TokenIds
from models.special_tokens import EOS
from models.utils.arrays import log_sum_exp

Number = TypeVar("Number", bound=np.generic)

EMPTY_SLOT = -1
"""In place of a token id where nothing is remembered."""


def empty_window(rows: int, window: int) -> TokenIds:
    """Return windows without a token: int64 [rows, window]."""
    return np.full((rows, window), EMPTY_SLOT)


def mask_leading_eos(remembered: TokenIds, tokens: TokenIds) -> TokenIds:
    """Return `tokens` [B, T] with EMPTY_SLOT for each `</s>` that no word precedes."""
    leading = np.logical_and.accumulate(tokens == EOS, axis=1) & (remembered[:, -1:] == EMPTY_SLOT)
    return np.where(leading, EMPTY_SLOT, tokens)


def slide_window(remembered: NDArray[Number], new: NDArray[Number], lengths: Lengths | None) -> NDArray[Number]:
    """Return the last N of `remembered` [B, N, ...] and the first `lengths[i]` of `new` [B, T, ...]."""
    both: NDArray[Number] = np.concatenate([remembered, new], 1)
    if lengths is None:
        return both[:, new.shape[1] :].copy()
    places = np.arange(remembered.shape[1]) + lengths[:, None]
    window: NDArray[Number] = both[np.arange(len(both))[:, None], places]
    return window


def mix_logprobs(logprobs: Floats, base_share: Floats, cached: Floats) -> Floats:
    """Return log(base_share * P + cached) of the base's log P and of the cache's part, both [...]."""
    with np.errstate(divide="ignore"):  # where a share is zero
        return log_sum_exp([logprobs + np.log(base_share), np.log(cached)])
