"""Next-token predictions as data: the query, and the result for one context.

They load neither torch nor Numba, so that the schemas of the API can describe them; `next_token` computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any, NamedTuple


class NextTokenQuery(NamedTuple):
    """Selection of next tokens, and of what else about their distribution is wanted."""

    top_k: int = 10
    """How many of the most probable tokens; 0: all."""
    prefix: str = ""
    """Only ordinary tokens that begin with this."""
    special: bool = False
    """Whether `<unk>` and `</s>` may be among them; with a prefix they never are."""
    bos: bool = True
    """Whether contexts are read from the boundary token on; false: from nothing (`LanguageModel.initial_state`)."""
    entropy: bool = False
    """Whether the entropy of the distribution is wanted."""
    explain: bool = False
    """Whether the model's explanation of the distribution is wanted."""


class ContextTokens(NamedTuple):
    """A context as it was tokenized: surface form, id and whether the vocabulary lacks it, of each token."""

    surface_forms: Sequence[str]
    ids: Sequence[int]
    oov: Sequence[bool]


class NextTokens(NamedTuple):
    """Next tokens after one context, best first, ties by id."""

    context: ContextTokens
    ids: list[int]
    logprobs: list[float]
    """Nats; -inf where the model gives no probability."""
    probabilities: list[float]
    entropy: float | None = None
    """Entropy of the whole distribution, in nats."""
    undefined_context: bool = False
    """Whether the context has no distribution of its own, and this is that of a shorter one."""
    explanation: dict[str, Any] | None = None
    """How the distribution comes about, JSON-ready; contexts in it are lists of tokens."""

    @property
    def mass(self) -> float:
        """Sum of the probabilities."""
        return fsum(self.probabilities)
