"""Request and response bodies of text probabilities."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.schemas.base import (
    BOS_FIELD,
    ERROR_COUNT_FIELD,
    LOGPROB_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    UNDEFINED_FIELD,
    ZERO_FIELD,
    ItemError,
    RequestBody,
    ResponseBody,
    Text,
    Texts,
    Token,
    logprob_fields,
)
from app.schemas.limits import limited_by
from app.schemas.tokens import context_content, token_content
from models.inference.prediction.predictions import ContextTokens, ScoredTokens
from models.tokenization.token_names import TokenNames

UNDEFINED_COUNT_FIELD = Field(
    None, description="Count of scored tokens whose context is undefined (`undefined_context`), where there are some."
)


class ProbabilityRequest(RequestBody):
    """Request for the probabilities of texts after a context."""

    text: Texts = Field(
        description="A text, or several, each on its own. To word models a newline is the end of a line.",
        examples=[["it was the best of times", "times best the was of it"]],
    )
    context: Text = Field("", description="Read before each text, and not scored.", examples=[""])
    bos: bool = BOS_FIELD
    eos: bool = Field(True, description="Whether the end of the text is part of it, and scored.")
    tokens: bool = Field(False, description="Whether to tell of each token.", examples=[True])
    top_logprobs: int = Field(
        0,
        ge=0,
        description="How many of the most probable tokens to tell in the place of each token, which then has its "
        "`rank`; implies `tokens`.",
        examples=[2],
        json_schema_extra=limited_by("max_rows"),
    )


class ScoredToken(Token):
    """A token of the text with its probability after what came before."""

    oov: bool = Field(description="Whether it is out of the vocabulary; it was scored as `<unk>` then.")
    matched_order: int | None = Field(
        None,
        description="Length of the n-gram that gives it its probability: 1 where no context helped. Of n-gram models.",
        examples=[3],
    )
    rank: int | None = Field(
        None, description="How many tokens are more probable in its place, and one. With `top_logprobs`.", examples=[1]
    )
    top_logprobs: list[Token] | None = Field(
        None, description="The most probable tokens in its place, best first, where asked for."
    )
    undefined_context: bool | None = UNDEFINED_FIELD


class ProbabilityResult(ResponseBody):
    """The probability of one text."""

    logprob: float | None = LOGPROB_FIELD
    probability: float = Field(description="Its exponential; 0 where that is too small for a float.")
    zero_probability: bool | None = ZERO_FIELD
    token_count: int = Field(description="Tokens scored, the end of the text included where it was.")
    oov_count: int = Field(description="Count of scored tokens that are out of the vocabulary.")
    undefined_contexts: int | None = UNDEFINED_COUNT_FIELD
    tokens: list[ScoredToken] | None = Field(None, description="Each token, where asked for.")


class ProbabilityTotal(ResponseBody):
    """Sums over all texts."""

    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    token_count: int = Field(description="Tokens scored.")
    oov_count: int = Field(description="Count of scored tokens that are out of the vocabulary.")
    undefined_contexts: int | None = UNDEFINED_COUNT_FIELD
    error_count: int | None = ERROR_COUNT_FIELD


class ProbabilityAnswer(ResponseBody):
    """Probabilities of the texts."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    results: list[ProbabilityResult | ItemError] = Field(description="One for each text, in their order.")
    total: ProbabilityTotal = Field(description="All texts together.")


def scored_token_contents(names: TokenNames, tokens: ScoredTokens) -> list[dict[str, Any]]:
    """Return the JSON content of tokens. Raises ModelFailed for NaN and +inf."""
    named = context_content(names, ContextTokens(tokens.shown, tokens.ids, tokens.oov))
    contents = [token | logprob_fields(logprob) for token, logprob in zip(named, tokens.logprobs, strict=True)]
    for field, values in (("matched_order", tokens.orders), ("rank", tokens.ranks)):
        for content, value in zip(contents, values or (), strict=False):
            content[field] = value
    for content, *best in zip(contents, tokens.best or (), tokens.best_logprobs or (), strict=False):
        content["top_logprobs"] = [
            token_content(names, i) | logprob_fields(logprob) for i, logprob in zip(*best, strict=True)
        ]
    for content, undefined in zip(contents, tokens.undefined or (), strict=False):
        if undefined:
            content["undefined_context"] = True
    return contents
