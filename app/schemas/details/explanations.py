"""Explanations of a distribution, as `next` gives them: a class for each family of language models."""

from __future__ import annotations

from pydantic import Field

from app.schemas.base import UNDEFINED_FIELD, ZERO_FIELD, ResponseBody
from models.neural.config import NetworkKind

REMEMBERED_FIELD = Field(None, description="Tokens that a cache remembers; of caches only.")
KIND_FIELD = Field(None, description="The member's family; of the members of a mixture only.")
WEIGHT_FIELD = Field(None, description="The member's weight; of the members of a mixture only.")
MEMBER_WORDS_FIELD = Field(
    None, description="The mixture's most probable words, as this member has them; of the members of a mixture only."
)
CONTEXT_FIELD = Field(description="The context's tokens, oldest first; none: no context.", examples=[["it", "was"]])


class MemberWord(ResponseBody):
    """A probable word of a mixture, and one member's part in its probability."""

    token: str = Field(description="The word.", examples=["little"])
    logprob: float | None = Field(description="Its log-probability by this member (nats); null: zero.")
    zero_probability: bool | None = ZERO_FIELD
    share: float = Field(
        description="The member's weight times its probability of the word, over the mixture's probability: the shares "
        "of all members sum to 1.",
        examples=[0.7],
    )


class ListedWord(ResponseBody):
    """A probable word in one context of the back-off path."""

    token: str = Field(description="The word.", examples=["little"])
    listed: bool = Field(description="Whether the table lists it in this context.")
    logprob: float | None = Field(None, description="Its log-probability there (nats), where listed; null: zero.")
    zero_probability: bool | None = ZERO_FIELD
    count: int | None = Field(None, description="c(h w), where the model was published with its counts.")
    continuation_count: int | None = Field(None, description="N1+(. h w), below the highest order.")


class BackoffContext(ResponseBody):
    """A context h on the back-off path, with what its order was smoothed with."""

    order: int = Field(description="Length of the n-grams that it lists.", examples=[3])
    context: list[str] = CONTEXT_FIELD
    listed: int = Field(description="Words that it lists.", examples=[14])
    weight: float = Field(description="Factor with which it passes on the words that it does not list.")
    discounts: list[float] | None = Field(None, description="Discounts of counts 1, 2 and 3 or more, or of all.")
    interpolation_weights: list[float] | None = Field(None, description="Weights of an interpolated model.")
    delta: float | None = Field(None, description="What is added to each count; of `add_delta` only.")
    context_count: int | None = Field(None, description="c(h), where the model was published with its counts.")
    successors: int | None = Field(None, description="N1+(h .), the words that follow it, likewise.")
    context_continuation_count: int | None = Field(None, description="N1+(. h .), below the highest order, likewise.")
    next: list[ListedWord] = Field(description="The model's most probable words, as this context has them.")


class NgramExplanation(ResponseBody):
    """The contexts that an n-gram model backs off along, longest first."""

    kind: str | None = KIND_FIELD
    weight: float | None = WEIGHT_FIELD
    next: list[MemberWord] | None = MEMBER_WORDS_FIELD
    remembered: int | None = REMEMBERED_FIELD
    matched_order: int = Field(description="Length of the n-grams that the longest known context lists.", examples=[4])
    context: list[str] = CONTEXT_FIELD
    smoothing: str = Field(description="Smoothing that the table was estimated with.", examples=["kneser_ney"])
    backoff: list[BackoffContext] = Field(description="Each context on the path; the last is empty.")
    undefined_context: bool | None = UNDEFINED_FIELD


class Gate(ResponseBody):
    """Activations of one gate over the units of a layer."""

    mean: float | None = Field(description="Mean of the activations.", examples=[0.31])
    open: float | None = Field(description="Share of units above `open_above`.", examples=[0.02])
    closed: float | None = Field(description="Share of units below `closed_below`.", examples=[0.21])


class LayerFigures(ResponseBody):
    """Figures of a layer at one token; it has the gates of its family."""

    input: Gate | None = Field(None, description="Input gate of an LSTM.")
    forget: Gate | None = Field(None, description="Forget gate of an LSTM.")
    output: Gate | None = Field(None, description="Output gate of an LSTM.")
    reset: Gate | None = Field(None, description="Reset gate of a GRU.")
    update: Gate | None = Field(None, description="Update gate of a GRU; open, it keeps the old vector.")
    hidden_norm: float | None = Field(description="L2 norm of the hidden vector.")
    cell_norm: float | None = Field(None, description="L2 norm of the cell's vector; of an LSTM.")
    saturated: float | None = Field(None, description="Share of tanh units above 0.9 in size; without gates.")
    inactive: float | None = Field(None, description="Share of relu units at 0; without gates.")


class ReadToken(ResponseBody):
    """A token of the context, with what the network did as it read it."""

    token: str = Field(description="The token.", examples=["was"])
    layers: list[LayerFigures] = Field(description="Each layer, the lowest first.")


class NetworkExplanation(ResponseBody):
    """Gates of a network as it reads the last tokens of the context."""

    kind: NetworkKind = Field(description="The network's family.")
    weight: float | None = WEIGHT_FIELD
    next: list[MemberWord] | None = MEMBER_WORDS_FIELD
    remembered: int | None = REMEMBERED_FIELD
    equations: str | None = Field(None, description="Equations that the gates belong to.")
    open_above: float | None = Field(None, description="Activation above which a gate counts as open.")
    closed_below: float | None = Field(None, description="Activation below which it counts as closed.")
    tokens: list[ReadToken] | None = Field(None, description="The last tokens of the context, in order.")
    layers: list[LayerFigures] | None = Field(None, description="Each layer's state, where nothing was read.")


class PlainExplanation(ResponseBody):
    """The explanation of a model that has nothing to tell of itself."""

    kind: str | None = KIND_FIELD
    weight: float | None = WEIGHT_FIELD
    next: list[MemberWord] | None = MEMBER_WORDS_FIELD
    remembered: int | None = REMEMBERED_FIELD


class MixtureExplanation(ResponseBody):
    """The explanations of a mixture's members, with their weights."""

    remembered: int | None = REMEMBERED_FIELD
    members: list[NgramExplanation | NetworkExplanation | PlainExplanation] = Field(
        description="Each member's own explanation, with its `kind`, its `weight` and its part in the best words."
    )


Explanation = NgramExplanation | NetworkExplanation | MixtureExplanation | PlainExplanation
"""How a distribution comes about, by the model's family."""
