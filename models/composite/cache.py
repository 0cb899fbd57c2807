"""A cache over any model: what was read lately is likelier to come again (Kuhn and De Mori 1990).

P = (1 - a - b) P_base + a P_1 + b P_2: P_1 the frequency of a token among the last N read; P_2 its frequency among
those of them that stand after the same token as the next one will. What a cache cannot say, because nothing is
remembered or nothing after that token, its share stays with the base. It knows tokens; it does not know the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from models.composite import token_window
from models.composite.base import Composite
from models.composite.config import CacheConfig
from models.composite.token_window import EMPTY_SLOT
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.state import State

_COMPARISONS_PER_CHUNK = 1 << 25
"""Remembered tokens looked at in one slice of long work: some tens of milliseconds."""


class CacheModel(Composite):
    """A base and what it has read of late; its state is the base's and the tokens remembered, int64 [B, N]."""

    kind = "cache"

    def __init__(self, config: CacheConfig, base: LanguageModel) -> None:
        super().__init__([base])
        self.base, self.cache_config = base, config
        self.adaptive = True
        self.chunk_tokens = min(base.chunk_tokens, max(256, _COMPARISONS_PER_CHUNK // config.window))

    def begin_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return self.base.begin_state(rows), token_window.empty_window(rows, self.cache_config.window)

    def null_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return self.base.null_state(rows), token_window.empty_window(rows, self.cache_config.window)

    @torch.inference_mode()
    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """See `LanguageModel`."""
        base, remembered = _unpack(state)
        read = token_window.mask_leading_eos(remembered, tokens)
        return self.base.advance(base, tokens, lengths), token_window.slide_window(remembered, read, lengths)

    @torch.inference_mode()
    def logprobs(self, state: State) -> Tensor:
        """See `LanguageModel`."""
        base, remembered = _unpack(state)
        cached = torch.zeros(len(remembered), self.vocabulary_size)
        kept = torch.ones(len(remembered), 1)
        for places, weight in (
            (remembered != EMPTY_SLOT, self.cache_config.weight),
            (_follows_last_token(remembered), self.cache_config.bigram_weight),
        ):
            count = places.sum(1, keepdim=True)
            kept -= weight * (count > 0)
            cached.scatter_add_(1, remembered.clamp(min=0), weight * places / count.clamp(min=1))
        return token_window.mix_logprobs(self.base.logprobs(base), kept, cached)

    @torch.inference_mode()
    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `LanguageModel`."""
        base, remembered = _unpack(state)
        scores, after = self.base.score(base, tokens, lengths)
        read = token_window.mask_leading_eos(remembered, tokens)
        kept, cached = np.ones(tokens.shape, np.float32), np.zeros(tokens.shape, np.float32)
        _cache_shares(
            torch.cat([remembered, read], 1).numpy(),
            tokens.contiguous().numpy(),
            (self.cache_config.weight, self.cache_config.bigram_weight),
            (kept, cached),
        )
        scores = token_window.mix_logprobs(scores, torch.from_numpy(kept), torch.from_numpy(cached))
        if lengths is not None:
            scores[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0.0
        return scores, (after, token_window.slide_window(remembered, read, lengths))

    def explain(self, state: State) -> dict[str, Any]:
        """How many tokens are remembered, and what the base says itself."""
        base, remembered = _unpack(state)
        return {"remembered": int((remembered != EMPTY_SLOT).sum()), **self.base.explain(base)}

    def config(self) -> dict[str, Any]:
        """The window and the weights."""
        return asdict(self.cache_config)

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """See `Composite`."""
        if len(members) != 1:
            raise InvalidInput("members", f"must be the one model below the cache, not {len(members)}")
        return cls(CacheConfig(**config), members[0])


def _unpack(state: State) -> tuple[State, Tensor]:
    base, remembered = state
    assert isinstance(remembered, np.ndarray)
    return base, torch.from_numpy(remembered)


def _follows_last_token(remembered: Tensor) -> Tensor:
    """[B, N]: which of the tokens remembered stand after one that is the same as the last."""
    before = torch.cat([torch.full_like(remembered[:, :1], EMPTY_SLOT), remembered[:, :-1]], 1)
    return (before == remembered[:, -1:]) & (before != EMPTY_SLOT)


@njit(nogil=True, cache=True)
def _cache_shares(
    read: NDArray[np.int64],
    tokens: NDArray[np.int64],
    weights: tuple[float, float],
    results: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """For each of `tokens` [B, T], of what was `read` before it [B, N + T]: the base's share and what caches add."""
    kept, cached = results
    rows, count = tokens.shape
    window = read.shape[1] - count
    for row in range(rows):
        for t in range(count):
            token, last = tokens[row, t], read[row, t + window - 1]
            if last == -1:  # nothing is remembered
                continue
            known = seen = followed = seen_after = 0
            before = np.int64(-1)
            for i in range(t, t + window):
                word = read[row, i]
                hit, after = word == token, before == last
                known += word != -1
                seen += hit
                followed += after
                seen_after += hit & after
                before = word
            kept[row, t] -= weights[0]
            cached[row, t] = weights[0] * seen / known
            if followed:
                kept[row, t] -= weights[1]
                cached[row, t] += weights[1] * seen_after / followed
