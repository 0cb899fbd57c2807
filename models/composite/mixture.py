"""Linear interpolation of models that share a tokenizer: P(token) = sum_k w_k P_k(token) (Jelinek and Mercer 1980).

It knows how distributions are mixed; it does not know where the weights come from (`interpolation` fits them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import torch
from torch import Tensor

from models.composite.base import Composite
from models.composite.config import MixtureConfig
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.state import State


class MixtureModel(Composite):
    """A weighted mean of distributions; its state is the tuple of its members' states."""

    kind = "mixture"

    def __init__(self, config: MixtureConfig, members: Sequence[LanguageModel]) -> None:
        """Raises InvalidInput unless each member has a weight, and all have as many tokens."""
        super().__init__(members)
        if len(config.weights) != len(members):
            raise InvalidInput("weights", f"must be {len(members)}, one for each member, not {len(config.weights)}")
        self.mixture_config = config
        self.resets_at_eos = all(member.resets_at_eos for member in members)
        self._log_weights = torch.tensor(config.weights, dtype=torch.float64).log().float()

    def begin_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return tuple(member.begin_state(rows) for member in self.members)

    def null_state(self, rows: int) -> State:
        """See `LanguageModel`."""
        return tuple(member.null_state(rows) for member in self.members)

    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """See `LanguageModel`."""
        return tuple(member.advance(part, tokens, lengths) for member, part in zip(self.members, state, strict=True))

    @torch.inference_mode()
    def logprobs(self, state: State) -> Tensor:
        """See `LanguageModel`."""
        return self._interpolate([member.logprobs(part) for member, part in zip(self.members, state, strict=True)])

    @torch.inference_mode()
    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """See `LanguageModel`."""
        parts = [member.score(part, tokens, lengths) for member, part in zip(self.members, state, strict=True)]
        scores = self._interpolate([scores for scores, _ in parts])
        if lengths is not None:
            scores[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0.0
        return scores, tuple(after for _, after in parts)

    def explain(self, state: State) -> dict[str, Any]:
        """The weight of each member, and what it says itself."""
        pairs = zip(self.members, state, self.mixture_config.weights, strict=True)
        return {"members": [{"kind": m.kind, "weight": w, **m.explain(part)} for m, part, w in pairs]}

    def config(self) -> dict[str, Any]:
        """The weights."""
        return {name: list(value) for name, value in asdict(self.mixture_config).items()}

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """See `Composite`."""
        return cls(MixtureConfig(**config), members)

    def _interpolate(self, logprobs: list[Tensor]) -> Tensor:
        """log sum_k w_k exp(l_k) of members' log-probabilities [...], each of the same shape."""
        weights = self._log_weights.view(-1, *[1] * logprobs[0].dim())
        return torch.logsumexp(torch.stack(logprobs) + weights, 0)
