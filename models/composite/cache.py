"""A cache over any model: recent tokens are likelier to come again (Kuhn and De Mori 1990).

P = (1 - a - b) P_base + a P_1 + b P_2: P_1 is the frequency of a token among the last N read; P_2 its frequency among
those of them that follow the same token as the next one will. Where nothing is remembered, or nothing after that token,
the cache's share stays with the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.composite.base import Composite
from models.composite.config import CacheConfig
from models.composite.token_window import EMPTY_SLOT, empty_window, mask_leading_eos, mix_logprobs, slide_window
from models.errors import InvalidInput
from models.kernels.jit import compiled
from models.language_model import LanguageModel
from models.model import Floats, Lengths, TokenIds
from models.state import State

_COMPARISONS_PER_CHUNK = 1 << 25
"""Remembered tokens compared in one chunk of long work: some tens of milliseconds."""


class CacheModel(Composite):
    """A base model and the last tokens read; its state is the base's and these tokens, int64 [B, N]."""

    kind = "cache"

    def __init__(self, config: CacheConfig, base: LanguageModel) -> None:
        super().__init__([base])
        self.base, self.cache_config = base, config
        self.adaptive = True
        self.chunk_tokens = min(base.chunk_tokens, max(256, _COMPARISONS_PER_CHUNK // config.window))

    def begin_state(self, rows: int) -> State:
        """Return the base's begin state, with no token remembered."""
        return self.base.begin_state(rows), empty_window(rows, self.cache_config.window)

    def null_state(self, rows: int) -> State:
        """Return the base's null state, with no token remembered."""
        return self.base.null_state(rows), empty_window(rows, self.cache_config.window)

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return the base's initial state, with no token remembered."""
        return self.base.initial_state(rows, bos=bos), empty_window(rows, self.cache_config.window)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        """Advance the base, and remember the tokens."""
        base, remembered = _unpack(state)
        new = mask_leading_eos(remembered, tokens)
        return self.base.advance(base, tokens, lengths), slide_window(remembered, new, lengths)

    def logprobs(self, state: State) -> Floats:
        """Return log P of the base and the caches, mixed."""
        base, remembered = _unpack(state)
        cached = np.zeros((len(remembered), self.vocabulary_size), np.float32)
        base_share = np.ones((len(remembered), 1), np.float32)
        rows, tokens = np.arange(len(remembered))[:, None], np.maximum(remembered, 0)
        for counted, weight in (
            (remembered != EMPTY_SLOT, self.cache_config.weight),
            (_follows_last_token(remembered), self.cache_config.bigram_weight),
        ):
            count = counted.sum(1, keepdims=True)
            base_share -= np.float32(weight) * (count > 0)
            np.add.at(cached, (rows, tokens), (weight * counted / np.maximum(count, 1)).astype(np.float32))
        return mix_logprobs(self.base.logprobs(base), base_share, cached)

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Score the tokens by the base, and look each up among those before it."""
        base, remembered = _unpack(state)
        scores, after = self.base.score(base, tokens, lengths)
        new = mask_leading_eos(remembered, tokens)
        base_share, cached = np.ones(tokens.shape, np.float32), np.zeros(tokens.shape, np.float32)
        _cache_shares(
            np.concatenate([remembered, new], 1),
            np.ascontiguousarray(tokens),
            (self.cache_config.weight, self.cache_config.bigram_weight),
            (base_share, cached),
        )
        scores = mix_logprobs(scores, base_share, cached)
        if lengths is not None:
            scores[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return scores, (after, slide_window(remembered, new, lengths))

    def explain(self, state: State) -> dict[str, Any]:
        """Return how many tokens are remembered, and the base's own explanation."""
        base, remembered = _unpack(state)
        return {"remembered": int((remembered != EMPTY_SLOT).sum()), **self.base.explain(base)}

    def explain_reading(self, state: State, tokens: TokenIds) -> dict[str, Any]:
        """Return how many tokens are remembered in the end, and the base's own explanation of what it reads."""
        base, _ = _unpack(state)
        after = self.explain(self.advance(state, tokens))
        return {"remembered": after["remembered"], **self.base.explain_reading(base, tokens)}

    def config(self) -> dict[str, Any]:
        """Return the window and the weights."""
        return asdict(self.cache_config)

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """Build the model over one member; see `Composite.from_members`."""
        if len(members) != 1:
            raise InvalidInput("members", f"must be the one model below the cache, not {len(members)}")
        return cls(CacheConfig(**config), members[0])


def _unpack(state: State) -> tuple[State, TokenIds]:
    """Return the base's state and the tokens remembered."""
    base, remembered = state
    assert isinstance(remembered, np.ndarray)
    return base, remembered


def _follows_last_token(remembered: TokenIds) -> NDArray[np.bool_]:
    """Return which of the tokens remembered [B, N] follow one that equals the last."""
    before = np.concatenate([np.full_like(remembered[:, :1], EMPTY_SLOT), remembered[:, :-1]], 1)
    follows: NDArray[np.bool_] = (before == remembered[:, -1:]) & (before != EMPTY_SLOT)
    return follows


@compiled
def _cache_shares(
    read: TokenIds, tokens: TokenIds, weights: tuple[float, float], results: tuple[Floats, Floats]
) -> None:
    """Write the base's share and the cache's part for each of `tokens` [B, T]; `read` is [B, N + T]."""
    base_share, cached = results
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
                is_token, follows = word == token, before == last
                known += word != -1
                seen += is_token
                followed += follows
                seen_after += is_token & follows
                before = word
            base_share[row, t] -= weights[0]
            cached[row, t] = weights[0] * seen / known
            if followed:
                base_share[row, t] -= weights[1]
                cached[row, t] += weights[1] * seen_after / followed
