"""Request, response and stream events of text generation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.base import (
    MODEL_FIELD,
    NORMALIZED_FIELD,
    ErrorAnswer,
    RequestBody,
    ResponseBody,
    Text,
    Token,
    described_as,
    logprob_fields,
)
from app.schemas.details.streams import event_stream
from app.schemas.limits import limited_by, zero_or_at_least
from app.schemas.tokens import token_contents
from models.inference.config import (
    MAX_BIASED_TOKENS,
    MAX_LOGIT_BIAS,
    MAX_PENALTY,
    MAX_STOP_CHARACTERS,
    MAX_STOP_LENGTH,
    REPETITION_PENALTIES,
    TEMPERATURES,
    FinishReason,
    SampledEnd,
    TokenLogprobs,
)
from models.special_tokens import EOS
from models.tokenization.token_names import TokenNames

StopString = Annotated[Text, Field(min_length=1, max_length=MAX_STOP_LENGTH)]
Stop = Annotated[
    StopString | list[StopString] | None,
    described_as(
        f"null, a string or several, each of 1 to {MAX_STOP_LENGTH} characters and {MAX_STOP_CHARACTERS:,} in all"
    ),
]
LogitBias = Annotated[
    dict[Text, Annotated[float, Field(ge=-MAX_LOGIT_BIAS, le=MAX_LOGIT_BIAS)]],
    Field(max_length=MAX_BIASED_TOKENS),
    described_as(
        f"an object of at most {MAX_BIASED_TOKENS} token ids, or texts of one token, each with a number from "
        f"{-MAX_LOGIT_BIAS:g} (never) to {MAX_LOGIT_BIAS:g}"
    ),
]


def stop_strings(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the stop strings of a request, as `SamplingParams` has them."""
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


class GenerateRequest(RequestBody):
    """Request to continue a prompt."""

    prompt: Text = Field("", description="Beginning of the text; empty: begin a new text.", examples=["it was a dark"])
    max_tokens: int = Field(
        64, ge=1, description="Most tokens in each text.", examples=[20], json_schema_extra=limited_by("max_tokens")
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=TEMPERATURES[1],
        description="Divides log-probabilities; 0 takes the most probable token.",
        examples=[0.8],
        json_schema_extra=zero_or_at_least(TEMPERATURES[0]),
    )
    top_k: int = Field(0, ge=0, description="Choose among the k most probable tokens; 0: all.", examples=[50])
    top_p: float = Field(
        1.0, gt=0, le=1, description="Choose among the fewest tokens that reach probability p; 1: all.", examples=[0.95]
    )
    min_p: float = Field(0.0, ge=0, le=1, description="Keep tokens at least p times as probable as the best; 0: all.")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**64,
        description="The same seed gives the same texts; unset: a seed is chosen and returned.",
        examples=[1],
    )
    stop: Stop = Field(None, description="A text ends before any of these strings.", examples=[["\n"]])
    n: int = Field(1, ge=1, description="How many texts.", examples=[2], json_schema_extra=limited_by("max_choices"))
    stream: bool = Field(False, description="Whether to send each token as it comes, as server-sent events.")
    ignore_end: bool = Field(False, description="Whether to go on where the text would end: `</s>` is never chosen.")
    allow_unk: bool = Field(False, description="Whether `<unk>` may be chosen.")
    presence_penalty: float = Field(
        0.0,
        ge=-MAX_PENALTY,
        le=MAX_PENALTY,
        description="Nats taken off the log-probability of each token that was generated before. As for OpenAI, the "
        "prompt does not count.",
        examples=[0.0],
    )
    frequency_penalty: float = Field(
        0.0,
        ge=-MAX_PENALTY,
        le=MAX_PENALTY,
        description="Nats taken off for each time that the token was generated before; the prompt does not count.",
        examples=[0.0],
    )
    repetition_penalty: float = Field(
        1.0,
        ge=REPETITION_PENALTIES[0],
        le=REPETITION_PENALTIES[1],
        description="Multiplies the log-probability of each token that stands in the prompt or was generated before: "
        "its probability is raised to this power, so that above 1 it is less probable.",
        examples=[1.1],
    )
    logit_bias: LogitBias | None = Field(
        None,
        description="Nats added to log-probabilities, by token id or, where a key is not all digits, by the text of "
        "one token: -100 excludes the token, and what is impossible stays so.",
        examples=[{"1": -1.0}],
    )
    top_logprobs: int = Field(
        0,
        ge=0,
        description="How many of the model's most probable tokens to tell in place of each token: their own "
        "log-probabilities, before penalties, bias, temperature and filters.",
        examples=[2],
        json_schema_extra=limited_by("max_rows"),
    )
    sampling_probabilities: bool = Field(
        False,
        description="Whether to tell the probability with which each token, and each of `top_logprobs`, is drawn: "
        "after penalties, bias, temperature and filters.",
    )
    start: Literal["boundary", "zero"] = Field(
        "boundary",
        description="State before the prompt: after the beginning of a line, or (`zero`) after nothing, for a "
        "recurrent model after one step on an input vector of zeros.",
    )


SAMPLING_FIELD = Field(
    None,
    description="Probability of drawing it after penalties, bias, temperature and filters, 0 to 1, where asked for.",
)


class AlternativeToken(Token):
    """A token in the place of one that was chosen, with the model's own log-probability."""

    sampling_probability: float | None = SAMPLING_FIELD


class GeneratedToken(Token):
    """A token that was chosen, with the model's own log-probability."""

    sampling_probability: float | None = SAMPLING_FIELD
    top_logprobs: list[AlternativeToken] | None = Field(
        None, description="The model's most probable tokens in its place, best first, where asked for."
    )


class Choice(ResponseBody):
    """A generated text."""

    index: int = Field(description="Which of the `n` texts, from 0.")
    text: str = Field(description="Text that follows the prompt; append it to the prompt as it is.")
    tokens: list[GeneratedToken] = Field(
        description="Its tokens, a stop string's included, with the model's own logprobs."
    )
    logprob: float = Field(description="Sum of their log-probabilities (nats), whatever changed the choice.")
    end: GeneratedToken | None = Field(
        None, description="The `</s>` that ended the text, where `finish_reason` is `end`; `logprob` is without it."
    )
    finish_reason: FinishReason = Field(
        description="`end`: `</s>` was chosen; `stop`: a stop string came; `length`: `max_tokens` came; "
        "`no_continuation`: nothing was left to choose from."
    )


class PromptDetails(ResponseBody):
    """Details of the prompt's tokens."""

    cached_tokens: int = Field(description="Prompt tokens whose states were found in the prefix cache.")


class Usage(ResponseBody):
    """Token counts of a request."""

    prompt_tokens: int = Field(description="Tokens of the prompt, read once.")
    completion_tokens: int = Field(description="Tokens of all texts.")
    total_tokens: int = Field(description="Their sum.")
    prompt_tokens_details: PromptDetails = Field(description="Details of the prompt's tokens.")


class GenerateAnswer(ResponseBody):
    """Generated texts that continue the prompt."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    seed: int = Field(description="Seed that gives the same texts again.")
    choices: list[Choice] = Field(description="The texts.")
    usage: Usage = Field(description="Token counts of the request.")


class ChoicePart(ResponseBody):
    """New part of a text in a stream."""

    index: int = Field(description="Which of the `n` texts, from 0.")
    text: str = Field(description="New part of the text; empty while a stop string may be coming.")
    tokens: list[GeneratedToken] = Field(description="The tokens chosen since the text's last event, if any were.")
    end: GeneratedToken | None = Field(None, description="The `</s>` that ended the text, where one did.")
    finish_reason: FinishReason | None = Field(description="Set in the last event of each text.")


class GenerateEvent(ResponseBody):
    """Event of a stream, sent as `data: {...}`; after the last comes `data: [DONE]`."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    seed: int = Field(description="Seed that gives the same texts again.")
    choices: list[ChoicePart] = Field(description="One text's next part.")
    usage: Usage | None = Field(None, description="In the last event only.")


def generated_token_contents(
    names: TokenNames,
    tokens: Sequence[int],
    logprobs: Sequence[float],
    alternatives: Sequence[TokenLogprobs],
    sampling_probabilities: Sequence[Sequence[float]] = (),
) -> list[dict[str, Any]]:
    """Return the JSON content of tokens, with their alternatives and probabilities where there are some."""
    contents = _token_contents(names, tokens, logprobs)
    for content, best in zip(contents, alternatives, strict=False):
        content["top_logprobs"] = _token_contents(names, *zip(*best, strict=True))
    for content, probabilities in zip(contents, sampling_probabilities, strict=False):
        for token, probability in zip([content, *content.get("top_logprobs", ())], probabilities, strict=True):
            token["sampling_probability"] = probability
    return contents


def end_fields(names: TokenNames, end: SampledEnd | None) -> dict[str, Any]:
    """Return the field for the `</s>` that ended a text, where one did."""
    if end is None:
        return {}
    alternatives = [end.alternatives] if end.alternatives else []
    probabilities = [end.sampling_probabilities] if end.sampling_probabilities else []
    return {"end": generated_token_contents(names, [EOS], [end.logprob], alternatives, probabilities)[0]}


def _token_contents(names: TokenNames, tokens: Sequence[int], logprobs: Sequence[float]) -> list[dict[str, Any]]:
    pairs = zip(token_contents(names, tokens), logprobs, strict=True)
    if math.isfinite(sum(logprobs)):  # nearly always: skips a check per token
        return [{**token, "logprob": logprob} for token, logprob in pairs]
    return [token | logprob_fields(logprob) for token, logprob in pairs]


STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The texts, once all are finished; with `stream`, events as tokens come.",
        "content": event_stream(
            GenerateEvent,
            ErrorAnswer,
            description="With `stream`: `data: {...}` a token (several, where the reader is slower), its "
            "`choices` holding one text's new part; the last has `usage`; then `data: [DONE]`. What goes wrong on the "
            'way is told as `data: {"error": ...}` in place of the rest.',
        ),
    }
}
