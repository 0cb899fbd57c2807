"""Request and response bodies of next-token prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from app.schemas.base import (
    BOS_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    UNDEFINED_FIELD,
    ContextToken,
    ItemError,
    RequestBody,
    ResponseBody,
    Text,
    Texts,
    Token,
    logprob_fields,
)
from models.inference.predictions import ContextTokens, NextTokenQuery, NextTokens


class NextRequest(RequestBody):
    """Request for the most probable next tokens after one or more contexts."""

    context: Texts = Field(
        "",
        description="Text read so far. A list is a batch: the answer then holds `results`, one for each.",
        examples=["it was a dark and"],
    )
    prefix: Text = Field("", max_length=256, description="Only words that begin with this.", examples=[""])
    top_k: int = Field(10, ge=0, description="How many of the most probable tokens; 0: all of them.", examples=[5])
    special: bool = Field(
        False, description="Whether `<unk>` and `</s>` may be among them; with `top_k` 0 and no prefix they always are."
    )
    bos: bool = BOS_FIELD
    entropy: bool = Field(False, description="Whether to tell the entropy of the distribution.", examples=[True])
    explain: bool = Field(
        False,
        description="Whether to explain the probabilities: matched order and back-off path of an n-gram model, with "
        "discounts, and counts where it was published with them; of a recurrent one, at each of the last tokens of "
        "the context, how far each layer's gates stand open.",
        examples=[True],
    )

    def query(self) -> NextTokenQuery:
        """Return the request as the library has it: the whole vocabulary always includes the special tokens."""
        special = self.special or not (self.top_k or self.prefix)
        return NextTokenQuery(self.top_k, self.prefix, special, self.bos, self.entropy, self.explain)


class NextToken(Token):
    """A possible next token."""

    probability: float = Field(description="Its probability, 0 to 1.")


class NextResult(ResponseBody):
    """The next token after one context."""

    context: list[ContextToken] = Field(description="The context as it was tokenized.")
    next: list[NextToken] = Field(description="The most probable next tokens, best first.")
    mass: float = Field(description="Sum of their probabilities, which are the model's own and not scaled up.")
    entropy: float | None = Field(None, description="Entropy of the whole distribution, in nats, where asked for.")
    undefined_context: bool | None = UNDEFINED_FIELD
    explain: dict[str, Any] | None = Field(
        None, description="Explanation of the distribution, where asked for; its fields depend on the model's kind."
    )


class NextAnswer(NextResult):
    """The next token after a context."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD


class NextBatch(ResponseBody):
    """The next token after each of several contexts."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    results: list[NextResult | ItemError] = Field(description="One for each context, in their order.")


def context_content(context: ContextTokens) -> list[dict[str, Any]]:
    """Return the JSON content of a tokenized context."""
    return [{"token": token, "id": i, "oov": oov} for token, i, oov in zip(*context, strict=True)]


def next_token_contents(prediction: NextTokens, vocabulary: Sequence[str]) -> list[dict[str, Any]]:
    """Return the JSON content of the predicted tokens. Raises ModelFailed for NaN and +inf."""
    columns = zip(prediction.ids, prediction.probabilities, prediction.logprobs, strict=True)
    tokens: list[dict[str, Any]] = [
        {"token": vocabulary[i], "id": i, "probability": probability, "logprob": logprob}
        for i, probability, logprob in columns
    ]
    if math.isfinite(sum(prediction.logprobs)):  # nearly always: skips a check per token
        return tokens
    return [token | logprob_fields(token["logprob"]) for token in tokens]


def next_content(prediction: NextTokens, vocabulary: Sequence[str]) -> dict[str, Any]:
    """Return the JSON content of the result for one context."""
    content: dict[str, Any] = {
        "context": context_content(prediction.context),
        "next": next_token_contents(prediction, vocabulary),
        "mass": prediction.mass,
    }
    if prediction.entropy is not None:
        content["entropy"] = prediction.entropy
    if prediction.undefined_context:
        content["undefined_context"] = True
    if prediction.explanation is not None:
        content["explain"] = prediction.explanation
    return content
