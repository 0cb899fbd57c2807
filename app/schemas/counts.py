"""Request and response bodies of n-gram counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field

from app.schemas.base import MODEL_FIELD, ContextToken, ItemError, RequestBody, ResponseBody, SourceText, Texts
from app.schemas.tokens import context_content
from models.errors import InvalidInput
from models.inference.prediction.predictions import ContextTokens
from models.ngram.count_table import NgramCounts
from models.tokenization.token_names import TokenNames


class CountsRequest(RequestBody):
    """Request for the counts of one or more n-grams; either `text` or `tokens`."""

    # Swagger UI would fill in every field.
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"text": ["students opened their books", "their books"]},
            "not": {"required": ["text", "tokens"]},
        }
    )
    text: Texts | None = Field(
        None,
        description="An n-gram as text, or several, each on its own. Of one longer than the model's order, the last "
        "words count.",
        examples=[["students opened their books", "their books"]],
    )
    tokens: list[SourceText] | None = Field(
        None,
        min_length=1,
        description="One n-gram as tokens of the vocabulary as answers show them, instead of `text`; `</s>` is the "
        "boundary.",
    )
    bos: bool = Field(False, description="Whether the text begins a line: the boundary is the first word then.")
    eos: bool = Field(False, description="Whether the text ends a line: the boundary is the last word then.")

    def check(self) -> None:
        """Raise InvalidInput unless there is either text or tokens, with what goes with it."""
        if (self.text is None) == (self.tokens is None):
            raise InvalidInput("text", "give either `text` or `tokens`")
        if self.tokens and (self.bos or self.eos):
            raise InvalidInput("bos" if self.bos else "eos", "goes with `text`; among `tokens` write `</s>`")


class NgramCount(ResponseBody):
    """Counts of an n-gram h w: its context h, and its last word w."""

    order: int = Field(description="Its length, in tokens.", examples=[4])
    ngram: list[str] = Field(description="Its tokens.", examples=[["students", "opened", "their", "books"]])
    count: int = Field(description="c(h w): how often it occurs in the training text.", examples=[400])
    context_count: int = Field(
        description="c(h): how often its context occurs before any word; of the empty one, all tokens.", examples=[1000]
    )
    relative_frequency: float | None = Field(
        description="c(h w) / c(h); null where the context never occurs.", examples=[0.4]
    )
    undefined_context: bool | None = Field(
        None, description="Present and true where the context never occurs, so that the frequency is undefined: 0 / 0."
    )
    continuation_count: int | None = Field(
        None, description="N1+(. h w): how many different words occur before it. Not for the highest order."
    )
    successors: int | None = Field(
        None, description="N1+(h w .): how many different words occur after it. Not for the highest order."
    )


class CountsResult(ResponseBody):
    """Counts of one text."""

    tokens: list[ContextToken] = Field(description="The text as it was tokenized.")
    counts: list[NgramCount] = Field(description="Of the n-grams that it ends in, the longest first.")


class CountsAnswer(ResponseBody):
    """Counts of the n-grams that the texts end in."""

    model: str = MODEL_FIELD
    order: int = Field(description="Length of the longest n-grams that were counted.", examples=[4])
    results: list[CountsResult | ItemError] = Field(description="One for each text, in their order.")


def counts_content(tokens: ContextTokens, counts: Sequence[NgramCounts], names: TokenNames) -> dict[str, Any]:
    """Return the JSON content of one text and the counts of the n-grams that it ends in."""
    return {
        "tokens": context_content(names, tokens),
        "counts": [_ngram_content(ngram, names) for ngram in counts],
    }


def _ngram_content(ngram: NgramCounts, names: TokenNames) -> dict[str, Any]:
    content = {
        "order": ngram.order,
        "ngram": [names.texts[i] for i in ngram.ids],
        "count": ngram.count,
        "context_count": ngram.context_count,
        "relative_frequency": ngram.relative_frequency,
    }
    if ngram.relative_frequency is None:
        content["undefined_context"] = True
    if ngram.continuation_count is not None:
        content |= {"continuation_count": ngram.continuation_count, "successors": ngram.successors}
    return content
