"""A cache of tokens by hidden vector (Grave, Joulin and Usunier 2017).

A token that was read in a state like the present one is likelier to come again: P = (1 - w) P_base + w P_cache, where
P_cache(x | h) is proportional to the sum, over the last N tokens x_i that equal x, of exp(theta h . h_i), and h_i is
the hidden vector that x_i was read after (equation 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.composite.base import Composite
from models.composite.config import NeuralCacheConfig
from models.composite.token_window import EMPTY_SLOT, empty_window, mask_leading_eos, mix_logprobs, slide_window
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.model import Floats, Lengths, TokenIds
from models.neural.model import RecurrentModel
from models.state import State

_POSITIONS_PER_SLICE = 256
"""Positions whose likeness to all remembered tokens is held in memory at a time."""


class NeuralCacheModel(Composite):
    """A recurrent base and the last tokens read; a state is the base's, ids [B, N] and vectors [B, N, H]."""

    kind = "neural_cache"

    def __init__(self, config: NeuralCacheConfig, base: LanguageModel) -> None:
        """Raises InvalidInput for a base without hidden vectors."""
        super().__init__([base])
        if not isinstance(base, RecurrentModel):
            raise InvalidInput("members", f"must be one recurrent model, and a {base.kind} model has no hidden vectors")
        self.base, self.cache_config = base, config
        self.adaptive = True
        self.can_learn = False  # the remembered vectors would be those of weights that have moved on

    def begin_state(self, rows: int) -> State:
        """Return the base's begin state, with nothing remembered."""
        return self._empty_state(self.base.begin_state(rows), rows)

    def null_state(self, rows: int) -> State:
        """Return the base's null state, with nothing remembered."""
        return self._empty_state(self.base.null_state(rows), rows)

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return the base's initial state, with nothing remembered."""
        return self._empty_state(self.base.initial_state(rows, bos=bos), rows)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        """Advance the base, and remember the tokens and the hidden vectors before them."""
        base, remembered, keys = _unpack(state)
        hidden, after = self.base.advance_with_hidden(base, tokens, lengths)
        new = mask_leading_eos(remembered, tokens)
        return after, slide_window(remembered, new, lengths), slide_window(keys, hidden, lengths)

    def logprobs(self, state: State) -> Floats:
        """Return log P of the base and the cache, mixed."""
        base, remembered, keys = _unpack(state)
        attention = self._attention(self.base.hidden(base)[:, None], remembered, keys)[:, 0]
        cached = np.zeros((len(remembered), self.vocabulary_size), np.float32)
        places = np.arange(len(remembered))[:, None], np.maximum(remembered, 0)
        np.add.at(cached, places, np.float32(self.cache_config.weight) * attention)
        return mix_logprobs(self.base.logprobs(base), self._base_share(remembered[:, -1:]), cached)

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Score the tokens by the base, and look each up among those before it."""
        base, remembered, keys = _unpack(state)
        hidden, after = self.base.advance_with_hidden(base, tokens, lengths)
        new = mask_leading_eos(remembered, tokens)
        read = np.concatenate([remembered, new], 1)
        cached = self._cache_probabilities(tokens, hidden, read, np.concatenate([keys, hidden], 1))
        base_share = self._base_share(read[:, self.cache_config.window - 1 : -1])
        scores = mix_logprobs(self.base.score_from_hidden(hidden, tokens, lengths), base_share, cached)
        if lengths is not None:
            scores[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return scores, (after, slide_window(remembered, new, lengths), slide_window(keys, hidden, lengths))

    def explain(self, state: State) -> dict[str, Any]:
        """Return how many tokens are remembered, and the base's own explanation."""
        base, remembered, _ = _unpack(state)
        return {"remembered": int((remembered != EMPTY_SLOT).sum()), **self.base.explain(base)}

    def explain_reading(self, state: State, tokens: TokenIds) -> dict[str, Any]:
        """Return how many tokens are remembered in the end, and the base's own explanation of what it reads."""
        base, _, _ = _unpack(state)
        after = self.explain(self.advance(state, tokens))
        return {"remembered": after["remembered"], **self.base.explain_reading(base, tokens)}

    def config(self) -> dict[str, Any]:
        """Return the window, the weight and theta."""
        return asdict(self.cache_config)

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """Build the model over one member; see `Composite.from_members`."""
        if len(members) != 1:
            raise InvalidInput("members", f"must be the one model below the cache, not {len(members)}")
        return cls(NeuralCacheConfig(**config), members[0])

    def _empty_state(self, base: State, rows: int) -> State:
        """Return the base's state with nothing remembered."""
        window = self.cache_config.window
        keys = np.zeros((rows, window, self.base.architecture.hidden_size), np.float32)
        return base, empty_window(rows, window), keys

    def _base_share(self, last: TokenIds) -> Floats:
        """Return the base's share where `last` was read last: all of it where nothing is remembered."""
        return np.where(last == EMPTY_SLOT, np.float32(1), np.float32(1 - self.cache_config.weight))

    def _cache_probabilities(self, tokens: TokenIds, hidden: Floats, read: TokenIds, keys: Floats) -> Floats:
        """Return the cache's part [B, T] of P(tokens) after `hidden`; `read` is [B, N + T]."""
        window = self.cache_config.window
        parts = [np.zeros((len(tokens), 0), np.float32)]
        for begin in range(0, tokens.shape[1], _POSITIONS_PER_SLICE):
            end = min(begin + _POSITIONS_PER_SLICE, tokens.shape[1])
            seen = read[:, begin : end + window - 1]
            attention = self._attention(hidden[:, begin:end], seen, keys[:, begin : end + window - 1])
            parts.append((attention * (seen[:, None] == tokens[:, begin:end, None])).sum(-1))
        return np.concatenate(parts, 1) * np.float32(self.cache_config.weight)

    def _attention(self, hidden: Floats, read: TokenIds, keys: Floats) -> Floats:
        """Return each read token's share of P_cache [B, T, N + T - 1]; position t sees the last N before it."""
        positions, seen = hidden.shape[1], read.shape[1]
        visible = np.triu(np.tril(np.ones((positions, seen), np.bool_), seen - positions))
        likeness = np.float32(self.cache_config.theta) * (hidden @ keys.transpose(0, 2, 1))
        likeness[~(visible & (read != EMPTY_SLOT)[:, None])] = -np.inf
        largest = likeness.max(-1, keepdims=True, initial=-np.inf)
        weights: Floats = np.exp(likeness - np.where(largest == -np.inf, np.float32(0), largest))
        total: Floats = weights.sum(-1, keepdims=True)
        total[total == 0] = 1  # nothing is remembered: no share for any token
        return weights / total


def _unpack(state: State) -> tuple[State, TokenIds, Floats]:
    """Return the base's state, the tokens remembered and the vectors they were read after."""
    base, remembered, keys = state
    assert isinstance(remembered, np.ndarray)
    assert isinstance(keys, np.ndarray)
    return base, remembered, keys
