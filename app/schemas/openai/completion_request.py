"""Request body of completions: prompts as texts or token ids, how to go on, and what to tell."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag

from app.schemas.base import RequestBody, SourceText, described_as
from app.schemas.generate import LogitBias, Stop
from app.schemas.limits import limited_by, zero_or_at_least
from models.inference.config import MAX_PENALTY, REPETITION_PENALTIES, TEMPERATURES

TokenId = Annotated[int, Field(ge=0, lt=2**31)]


def _prompt_kind(value: Any) -> str:
    """Return which kind of prompt a value is, by its first item; trying kind after kind is slow."""
    if not isinstance(value, list):
        return "text"
    first = value[0] if value else ""
    return "id_lists" if isinstance(first, list) else "ids" if isinstance(first, int) else "texts"


Prompts = Annotated[
    Annotated[SourceText, Tag("text")]
    | Annotated[list[SourceText], Field(min_length=1), Tag("texts")]
    | Annotated[list[TokenId], Field(min_length=1), Tag("ids")]
    | Annotated[list[list[TokenId]], Field(min_length=1), Tag("id_lists")],
    Discriminator(_prompt_kind),
    described_as(
        "a string, a list of at least one string, in Unicode, a list of at least one token id, or a list of such lists"
    ),
]
"""One prompt or several, each a text or token ids."""


class StreamOptions(RequestBody):
    """Options of a stream."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = Field(
        None, description="Whether an event with no choices and the `usage` of the whole request comes last."
    )


class CompletionRequest(RequestBody):
    """Request to continue prompts, in OpenAI's shape.

    Null stands for a default; unknown fields are ignored.
    """

    model_config = ConfigDict(extra="allow")

    model: SourceText = Field(
        description="The model: `name` (its newest version), `name@version`, or an alias.", examples=["gutenberg-kn"]
    )
    prompt: Prompts = Field(
        "",
        description="A text, several, a list of token ids, or several. Ids are those of the tokenizer's file; `</s>` "
        "before all others is the beginning that every prompt has anyway.",
        examples=["it was a dark"],
    )
    suffix: SourceText | None = Field(
        None,
        description="Text after the completion, of which a fill-in model says the most probable word between; other "
        "models refuse it.",
        examples=[None],
    )
    max_tokens: int | None = Field(
        16,
        ge=0,
        description="Most tokens in each text; 0: none, to be told of the prompt alone.",
        examples=[20],
        json_schema_extra=limited_by("max_tokens"),
    )
    temperature: float | None = Field(
        1.0,
        ge=0,
        le=TEMPERATURES[1],
        description="Divides log-probabilities; 0 takes the most probable token.",
        examples=[0.8],
        json_schema_extra=zero_or_at_least(TEMPERATURES[0]),
    )
    top_p: float | None = Field(
        1.0, gt=0, le=1, description="Choose among the fewest tokens that reach probability p; 1: all.", examples=[0.95]
    )
    top_k: int | None = Field(
        0, ge=-1, description="Choose among the k most probable tokens; 0 and -1: all.", examples=[50]
    )
    min_p: float | None = Field(
        0.0, ge=0, le=1, description="Keep tokens at least p times as probable as the best; 0: all."
    )
    n: int | None = Field(
        1,
        ge=1,
        description="How many texts for each prompt.",
        examples=[1],
        json_schema_extra=limited_by("max_choices"),
    )
    best_of: int | None = Field(
        None,
        ge=1,
        description="Of how many texts the `n` most probable, by the mean log-probability of their tokens, are told, "
        "best first; unset: `n`.",
        examples=[None],
        json_schema_extra=limited_by("max_choices"),
    )
    stop: Stop = Field(None, description="A text ends before any of these strings.", examples=[["\n"]])
    seed: int | None = Field(
        None,
        ge=-(2**63),
        lt=2**64,
        description="The same seed gives the same texts, a negative one those of the seed 2^64 above; unset: a seed "
        "is chosen and returned.",
        examples=[1],
    )
    echo: bool | None = Field(False, description="Whether the text begins with the prompt, and `logprobs` with its.")
    logprobs: int | None = Field(
        None,
        ge=-1,
        description="Tell the model's own log-probability of each token, and in its place the k most probable tokens; "
        "-1: the whole vocabulary. Unset: neither.",
        examples=[2],
    )
    logit_bias: LogitBias | None = Field(
        None,
        description="Nats added to log-probabilities, by token id or, where a key is not all digits, by the text of "
        "one token: -100 excludes the token.",
        examples=[{"1": -1.0}],
    )
    presence_penalty: float | None = Field(
        0.0, ge=-MAX_PENALTY, le=MAX_PENALTY, description="Nats taken off each token that was generated before."
    )
    frequency_penalty: float | None = Field(
        0.0, ge=-MAX_PENALTY, le=MAX_PENALTY, description="Nats taken off for each time that a token was generated."
    )
    repetition_penalty: float | None = Field(
        1.0,
        ge=REPETITION_PENALTIES[0],
        le=REPETITION_PENALTIES[1],
        description="Multiplies the log-probability of each token of the prompt or generated before.",
    )
    stream: bool | None = Field(
        False, description="Whether to send each token as it comes, as server-sent events, `[DONE]` at the end."
    )
    stream_options: StreamOptions | None = Field(None, description="What a stream tells.", examples=[None])
    user: SourceText | None = Field(None, description="Accepted for clients that send it, and not used.")

    def value(self, name: str) -> Any:
        """Return the value of a field, its default where the request has null."""
        value = getattr(self, name)
        return type(self).model_fields[name].default if value is None else value

    @property
    def ignored_fields(self) -> list[str]:
        """Names of the fields that this request has and no route knows."""
        return sorted(self.model_extra or ())


class ModelCompletionRequest(CompletionRequest):
    """Request to the model that the path names; a model in the body is not looked at."""

    model: SourceText | None = Field(  # type: ignore[assignment]
        None, description="Not looked at: the path names the model.", examples=["gutenberg-kn"]
    )
