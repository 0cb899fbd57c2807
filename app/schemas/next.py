"""Request and response bodies of next-token prediction."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from app.schemas.base import (
    BOS_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    UNDEFINED_FIELD,
    ContextToken,
    ItemError,
    NamedToken,
    RequestBody,
    ResponseBody,
    Text,
    Texts,
    Token,
    logprob_fields,
)
from app.schemas.details.explanations import Explanation
from app.schemas.tokens import context_content, token_contents
from models.inference.prediction.predictions import NextTokenQuery, NextTokens
from models.tokenization.token_names import TokenNames


class NextRequest(RequestBody):
    """Request for the most probable next tokens after one or more contexts."""

    context: Texts = Field(
        "",
        description="Text read so far. A list is a batch: the answer then holds `results`, one for each.",
        examples=["it was a dark and"],
    )
    prefix: Text = Field(
        "",
        max_length=256,
        description="What was typed of the next word, or words: only what continues it is told. It may hold whole "
        "tokens: `don'` finds `n't` after `do`.",
        examples=[""],
    )
    heal: bool | None = Field(
        None,
        description="Whether the unfinished end of the context counts as typed, before `prefix`: half a word, or a "
        "blank with which the next token begins. Unset: for tokens that are parts of words, before a prefix and at a "
        "blank.",
        examples=[None],
    )
    ignore_case: bool = Field(False, description="Whether letter case of what was typed is ignored.", examples=[False])
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
        "the context, how far each layer's gates stand open; of a mixture, its members' shares.",
        examples=[True],
    )

    def query(self) -> NextTokenQuery:
        """Return the request as the library has it: the whole vocabulary always includes the special tokens."""
        special = self.special or not (self.top_k or self.prefix)
        return NextTokenQuery(
            self.top_k, self.prefix, special, self.bos, self.entropy, self.explain, self.heal, self.ignore_case
        )


class NextToken(Token):
    """A possible next token; where something was typed, the last token of what continues it."""

    probability: float = Field(description="Its probability after the context, 0 to 1; `before` included.")
    text: str | None = Field(None, description="What was typed, as this continues it; where something was.")
    before: list[NamedToken] | None = Field(
        None, description="Tokens between the context and this one, where what was typed holds whole tokens."
    )


class NextResult(ResponseBody):
    """The next token after one context."""

    context: list[ContextToken] = Field(description="The context as it was tokenized, without what counts as typed.")
    typed: str | None = Field(
        None, description="What was typed, where something was: the healed end of the context and the prefix."
    )
    next: list[NextToken] = Field(description="The most probable next tokens, best first.")
    mass: float = Field(
        description="Sum of their probabilities, which are the model's own and not scaled up. Where something was "
        "typed: P(typed | context), of all that continues it, shown or not; `probability / mass` is the probability "
        "given what was typed."
    )
    entropy: float | None = Field(None, description="Entropy of the whole distribution, in nats, where asked for.")
    undefined_context: bool | None = UNDEFINED_FIELD
    explain: Explanation | None = Field(
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


def next_token_contents(prediction: NextTokens, names: TokenNames) -> list[dict[str, Any]]:
    """Return the JSON content of the predicted tokens. Raises ModelFailed for NaN and +inf."""
    columns = zip(token_contents(names, prediction.ids), prediction.probabilities, prediction.logprobs, strict=True)
    tokens: list[dict[str, Any]] = [
        {**token, "probability": probability, "logprob": logprob} for token, probability, logprob in columns
    ]
    if prediction.typed is not None:
        for token, text, head in zip(tokens, prediction.typed.texts, prediction.typed.heads, strict=True):
            token["text"] = text
            if head:
                token["before"] = list(token_contents(names, head))
    if math.isfinite(sum(prediction.logprobs)):  # nearly always: skips a check per token
        return tokens
    return [token | logprob_fields(token["logprob"]) for token in tokens]


def next_content(prediction: NextTokens, names: TokenNames) -> dict[str, Any]:
    """Return the JSON content of the result for one context."""
    content: dict[str, Any] = {
        "context": context_content(names, prediction.context),
        "next": next_token_contents(prediction, names),
        "mass": prediction.mass,
    }
    if prediction.typed is not None:
        content["typed"] = prediction.typed.text
    if prediction.entropy is not None:
        content["entropy"] = prediction.entropy
    if prediction.undefined_context:
        content["undefined_context"] = True
    if prediction.explanation is not None:
        content["explain"] = prediction.explanation
    return content
