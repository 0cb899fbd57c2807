"""Next-token predictions as data: the query, and the result for one context.

They load neither torch nor Numba, so that the schemas of the API can describe them; `next_token` computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum
from typing import Any, NamedTuple


class NextTokenQuery(NamedTuple):
    """Selection of next tokens, and of what else about their distribution is wanted."""

    top_k: int = 10
    """How many of the most probable tokens; 0: all."""
    prefix: str = ""
    """Only what continues this text, which may hold whole tokens."""
    special: bool = False
    """Whether `<unk>` and `</s>` may be among them; never in the middle of a word."""
    bos: bool = True
    """Whether contexts are read from the boundary token on; false: from nothing (`LanguageModel.initial_state`)."""
    entropy: bool = False
    """Whether the entropy of the distribution is wanted."""
    explain: bool = False
    """Whether the model's explanation of the distribution is wanted."""
    heal: bool | None = None
    """Whether the unfinished end of a context counts as typed, before `prefix`; None: where it is sure to be wanted."""
    ignore_case: bool = False
    """Whether what continues the prefix may do so in another case."""


class ContextTokens(NamedTuple):
    """A context as it was tokenized: surface form, id and whether the vocabulary lacks it, of each token."""

    surface_forms: Sequence[str]
    ids: Sequence[int]
    oov: Sequence[bool]


class TypedTokens(NamedTuple):
    """Typed text, and for each next token that continues it the tokens before and the whole text."""

    text: str
    """What was typed: the end of the context, if it was healed, and the prefix."""
    logprob: float
    """Log P(what was typed | the context read) in nats: of all its continuations, shown or not."""
    heads: list[tuple[int, ...]]
    """Ids of the tokens that stand between the context and each next token."""
    texts: list[str]
    """What was typed as each continues it."""


class ScoredTokens(NamedTuple):
    """Tokens of texts with their scores; each field has T elements, in the order of the tokens."""

    shown: Sequence[str]
    """Tokens as they are shown: words as the texts have them."""
    ids: Sequence[int]
    oov: Sequence[bool]
    logprobs: Sequence[float]
    """Nats."""
    undefined: Sequence[bool] | None = None
    """Whether the context has no distribution of its own; None where all contexts have."""
    orders: Sequence[int] | None = None
    """Length of the n-gram that gives each its probability."""
    ranks: Sequence[int] | None = None
    """Place of each among all tokens; the most probable has 1."""
    best: Sequence[Sequence[int]] | None = None
    """Ids of the most probable tokens in the place of each, best first."""
    best_logprobs: Sequence[Sequence[float]] | None = None


class NextTokens(NamedTuple):
    """Next tokens after one context, best first, ties by id.

    Where something was typed, a next token is the last of a sequence, and its probability that of the sequence.
    """

    context: ContextTokens
    ids: list[int]
    logprobs: list[float]
    """Nats; -inf where the model gives no probability."""
    probabilities: list[float]
    typed: TypedTokens | None = None
    entropy: float | None = None
    """Entropy of the whole distribution after the context, in nats."""
    undefined_context: bool = False
    """Whether the context has no distribution of its own, and this is that of a shorter one."""
    explanation: dict[str, Any] | None = None
    """How the distribution comes about, JSON-ready; contexts in it are lists of tokens."""

    @property
    def mass(self) -> float:
        """Sum of the probabilities; where something was typed, P(typed | context), of those not shown as well."""
        return fsum(self.probabilities) if self.typed is None else exp(self.typed.logprob)
