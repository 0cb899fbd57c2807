"""The neural cache: what was read in a state like this one is likelier to come again (Grave, Joulin and Usunier 2017).

P = (1 - w) P_base + w P_cache; P_cache(x | h) is proportional to the sum, over the last N tokens x_i that equal x, of
exp(theta h . h_i), where h_i is the hidden vector that x_i was read after (equation 4). It knows hidden vectors and
tokens; how the vectors come about, the base knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from models.composite import token_window
from models.composite.base import Composite
from models.composite.config import NeuralCacheConfig
from models.composite.token_window import EMPTY_SLOT
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.neural.model import RecurrentModel
from models.state import State

_POSITIONS_PER_SLICE = 256
"""Tokens whose likeness to all remembered ones is held at a time."""


class NeuralCacheModel(Composite):
    """A recurrent base and what it has read of late.

    Its state is the base's, the tokens remembered, int64 [B, N], and the vectors they were read after [B, N, H].
    """

    kind = "neural_cache"

    def __init__(self, config: NeuralCacheConfig, base: LanguageModel) -> None:
        """Raises InvalidInput for a base without hidden vectors."""
        super().__init__([base])
        if not isinstance(base, RecurrentModel):
            raise InvalidInput("members", f"must be one recurrent model, and a {base.kind} model has no hidden vectors")
        self.base, self.cache_config = base, config
        self.adaptive = True

    def begin_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return self._empty_state(self.base.begin_state(rows), rows)

    def null_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return self._empty_state(self.base.null_state(rows), rows)

    @torch.inference_mode()
    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """See `LanguageModel`."""
        base, remembered, keys = _unpack(state)
        hidden, after = self.base.advance_with_hidden(base, tokens, lengths)
        return self._next_state(after, remembered, keys, hidden, tokens, lengths)

    @torch.inference_mode()
    def logprobs(self, state: State) -> Tensor:
        """See `LanguageModel`."""
        base, remembered, keys = _unpack(state)
        shares = self._attention(self.base.hidden(base)[:, None], remembered, keys)[:, 0]
        cached = torch.zeros(len(remembered), self.vocabulary_size)
        cached.scatter_add_(1, remembered.clamp(min=0), self.cache_config.weight * shares)
        return token_window.mix_logprobs(self.base.logprobs(base), self._base_share(remembered[:, -1:]), cached)

    @torch.inference_mode()
    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `LanguageModel`."""
        base, remembered, keys = _unpack(state)
        hidden, after = self.base.advance_with_hidden(base, tokens, lengths)
        read = torch.cat([remembered, token_window.mask_leading_eos(remembered, tokens)], 1)
        cached = self._cache_probabilities(tokens, hidden, read, torch.cat([keys, hidden], 1))
        kept = self._base_share(read[:, self.cache_config.window - 1 : -1])
        scores = token_window.mix_logprobs(self.base.score_from_hidden(hidden, tokens, lengths), kept, cached)
        if lengths is not None:
            scores[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0.0
        return scores, self._next_state(after, remembered, keys, hidden, tokens, lengths)

    def explain(self, state: State) -> dict[str, Any]:
        """How many tokens are remembered, and what the base says itself."""
        base, remembered, _ = _unpack(state)
        return {"remembered": int((remembered != EMPTY_SLOT).sum()), **self.base.explain(base)}

    def config(self) -> dict[str, Any]:
        """The window, the weight and theta."""
        return asdict(self.cache_config)

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """See `Composite`."""
        if len(members) != 1:
            raise InvalidInput("members", f"must be the one model below the cache, not {len(members)}")
        return cls(NeuralCacheConfig(**config), members[0])

    def _empty_state(self, base: State, rows: int) -> State:
        window = self.cache_config.window
        keys = np.zeros((rows, window, self.base.architecture.hidden_size), np.float32)
        return base, token_window.empty_window(rows, window), keys

    def _next_state(
        self, base: State, remembered: Tensor, keys: Tensor, hidden: Tensor, tokens: Tensor, lengths: Tensor | None
    ) -> State:
        read = token_window.mask_leading_eos(remembered, tokens)
        return (
            base,
            token_window.slide_window(remembered, read, lengths),
            token_window.slide_window(keys, hidden, lengths),
        )

    def _base_share(self, last: Tensor) -> Tensor:
        """The base's share where `last` was read last: all where nothing is remembered."""
        return torch.where(last == EMPTY_SLOT, 1.0, 1.0 - self.cache_config.weight)

    def _cache_probabilities(self, tokens: Tensor, hidden: Tensor, read: Tensor, keys: Tensor) -> Tensor:
        """What the cache adds [B, T] for `tokens` [B, T] after `hidden`, from all that was read [B, N + T]."""
        window = self.cache_config.window
        parts = [torch.zeros(len(tokens), 0)]
        for begin in range(0, tokens.shape[1], _POSITIONS_PER_SLICE):
            end = min(begin + _POSITIONS_PER_SLICE, tokens.shape[1])
            seen = read[:, begin : end + window - 1]
            shares = self._attention(hidden[:, begin:end], seen, keys[:, begin : end + window - 1])
            parts.append((shares * (seen[:, None] == tokens[:, begin:end, None])).sum(-1))
        return torch.cat(parts, 1) * self.cache_config.weight

    def _attention(self, hidden: Tensor, read: Tensor, keys: Tensor) -> Tensor:
        """[B, T, N + T - 1]: what each token `read` has of P_cache at each place, which sees the last N before it."""
        places, seen = hidden.shape[1], read.shape[1]
        window = torch.ones(places, seen, dtype=torch.bool).tril(seen - places).triu()
        likeness = self.cache_config.theta * hidden @ keys.transpose(1, 2)
        likeness.masked_fill_(~(window & (read != EMPTY_SLOT)[:, None]), -math.inf)
        return likeness.softmax(-1).nan_to_num(0.0)  # where nothing is remembered, 0 / 0


def _unpack(state: State) -> tuple[State, Tensor, Tensor]:
    base, remembered, keys = state
    assert isinstance(remembered, np.ndarray)
    assert isinstance(keys, np.ndarray)
    return base, torch.from_numpy(remembered), torch.from_numpy(keys)
