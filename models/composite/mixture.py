"""Linear interpolation of models that share a tokenizer (Jelinek and Mercer 1980).

P(token) = sum_k w_k P_k(token). The weights are part of the config; `mixture_weights` fits them to held-out text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.composite.base import Composite
from models.composite.config import MixtureConfig
from models.errors import InvalidInput
from models.language_model import LanguageModel
from models.model import Floats, Lengths, TokenIds
from models.state import State
from models.utils.arrays import IntArray, log_sum_exp, top_k

EXPLAINED_WORDS = 10
"""Most probable next words whose shares an explanation tells: one row of each member."""


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
        lengths = [member.context_length for member in members if member.context_length is not None]
        self.context_length = max(lengths) if len(lengths) == len(members) else None
        with np.errstate(divide="ignore"):  # a weight of zero
            self._log_weights = np.log(config.weights).astype(np.float32)

    def begin_state(self, rows: int) -> State:
        """Return the begin state of every member."""
        return tuple(member.begin_state(rows) for member in self.members)

    def null_state(self, rows: int) -> State:
        """Return the null state of every member."""
        return tuple(member.null_state(rows) for member in self.members)

    def initial_state(self, rows: int, *, bos: bool) -> State:
        """Return the initial state of every member."""
        return tuple(member.initial_state(rows, bos=bos) for member in self.members)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        """Advance every member."""
        return tuple(member.advance(part, tokens, lengths) for member, part in zip(self.members, state, strict=True))

    def logprobs(self, state: State) -> Floats:
        """Return the log of the weighted mean of the members' distributions."""
        return self._interpolate([member.logprobs(part) for member, part in zip(self.members, state, strict=True)])

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        """Score the tokens with every member, and interpolate."""
        parts = [member.score(part, tokens, lengths) for member, part in zip(self.members, state, strict=True)]
        scores = self._interpolate([scores for scores, _ in parts])
        if lengths is not None:
            scores[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return scores, tuple(after for _, after in parts)

    def score_pairs(self, state: State, rows: IntArray, tokens: TokenIds) -> Floats:
        """Score the pairs with every member, and interpolate."""
        members = zip(self.members, state, strict=True)
        return self._interpolate([member.score_pairs(part, rows, tokens) for member, part in members])

    def explain(self, state: State) -> dict[str, Any]:
        """Return the weight of each member, its part in the most probable words, and its own explanation."""
        parts = zip(self.members, state, strict=True)
        return self._with_weights([member.explain(part) for member, part in parts], state)

    def explain_reading(self, state: State, tokens: TokenIds) -> dict[str, Any]:
        """Return what `explain` does, with each member's own explanation of what it reads."""
        parts = zip(self.members, state, strict=True)
        explanations = [member.explain_reading(part, tokens) for member, part in parts]
        return self._with_weights(explanations, self.advance(state, tokens))

    def _with_weights(self, explanations: list[dict[str, Any]], state: State) -> dict[str, Any]:
        """Return the members' explanations, each with kind, weight and its part in the words after `state`."""
        members = zip(self.members, self.mixture_config.weights, self._shares(state), explanations, strict=True)
        return {
            "members": [
                {"kind": member.kind, "weight": weight, "next": words, **explanation}
                for member, weight, words, explanation in members
            ]
        }

    def _shares(self, state: State) -> list[list[dict[str, Any]]]:
        """Return each member's part in the mixture's most probable words w: log P_k(w), and w_k P_k(w) / P(w)."""
        rows = [member.logprobs(part)[0] for member, part in zip(self.members, state, strict=True)]
        mixed = self._interpolate(rows)
        ((largest,), (best,)) = top_k(mixed[None], EXPLAINED_WORDS)
        best = best[largest > -np.inf]
        weighted = zip(rows, self._log_weights, strict=True)
        return [
            [
                {"token": token, **_logprob_fields(logprob), "share": float(np.exp(logprob + weight - total))}
                for token, logprob, total in zip(best.tolist(), row[best], mixed[best], strict=True)
            ]
            for row, weight in weighted
        ]

    def config(self) -> dict[str, Any]:
        """Return the weights."""
        return {name: list(value) for name, value in asdict(self.mixture_config).items()}

    @classmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """Build the mixture; see `Composite.from_members`."""
        return cls(MixtureConfig(**config), members)

    def _interpolate(self, logprobs: list[Floats]) -> Floats:
        """Return log sum_k w_k exp(l_k) of the members' log-probabilities l_k [...], all of one shape."""
        return log_sum_exp([member + weight for member, weight in zip(logprobs, self._log_weights, strict=True)])


def _logprob_fields(logprob: np.floating) -> dict[str, Any]:
    """Return the fields for a log-probability in nats; -inf, which JSON lacks, is null with a mark."""
    if logprob == -np.inf:
        return {"logprob": None, "zero_probability": True}
    return {"logprob": float(logprob)}
