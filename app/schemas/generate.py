"""Request, response and stream events of text generation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.base import MODEL_FIELD, RequestBody, ResponseBody, Text, Token, described_as
from models.inference.config import MAX_STOP, MAX_STOP_LENGTH, FinishReason

StopString = Annotated[Text, Field(min_length=1, max_length=MAX_STOP_LENGTH)]
Stop = Annotated[
    StopString | Annotated[list[StopString], Field(max_length=MAX_STOP)] | None,
    described_as(f"null, a string or at most {MAX_STOP} of them, each of 1 to {MAX_STOP_LENGTH} characters"),
]


class GenerateRequest(RequestBody):
    """Request to continue a prompt."""

    prompt: Text = Field("", description="Beginning of the text; empty: begin a new text.", examples=["it was a dark"])
    max_tokens: int = Field(64, ge=1, description="Most tokens in each text.", examples=[20])
    temperature: float = Field(
        1.0, ge=0, le=1e6, description="Divides log-probabilities; 0 takes the most probable token.", examples=[0.8]
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
    n: int = Field(1, ge=1, description="How many texts.", examples=[2])
    stream: bool = Field(False, description="Whether to send each token as it comes, as server-sent events.")
    ignore_end: bool = Field(False, description="Whether to go on where the text would end: `</s>` is never chosen.")
    allow_unk: bool = Field(False, description="Whether `<unk>` may be chosen.")
    start: Literal["boundary", "zero"] = Field(
        "boundary",
        description="State before the prompt: after the beginning of a line, or (`zero`) after nothing, for a "
        "recurrent model after one step on an input vector of zeros.",
    )


class Choice(ResponseBody):
    """A generated text."""

    index: int = Field(description="Which of the `n` texts, from 0.")
    text: str = Field(description="Text that follows the prompt; append it to the prompt as it is.")
    tokens: list[Token] = Field(description="Its tokens, a stop string's included, with the model's own logprobs.")
    logprob: float = Field(description="Sum of their log-probabilities (nats), whatever temperature and filters did.")
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
    seed: int = Field(description="Seed that gives the same texts again.")
    choices: list[Choice] = Field(description="The texts.")
    usage: Usage = Field(description="Token counts of the request.")


class ChoicePart(ResponseBody):
    """New part of a text in a stream."""

    index: int = Field(description="Which of the `n` texts, from 0.")
    text: str = Field(description="New part of the text; empty while a stop string may be coming.")
    tokens: list[Token] = Field(description="The tokens chosen since the text's last event, if any were.")
    finish_reason: FinishReason | None = Field(description="Set in the last event of each text.")


class GenerateEvent(ResponseBody):
    """Event of a stream, sent as `data: {...}`; after the last comes `data: [DONE]`."""

    model: str = MODEL_FIELD
    seed: int = Field(description="Seed that gives the same texts again.")
    choices: list[ChoicePart] = Field(description="One text's next part.")
    usage: Usage | None = Field(None, description="In the last event only.")


STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "string",
                    "description": "With `stream`: `data: {...}` a token (several, where the reader is slower than "
                    "they come), its `choices` holding one text's new part; the last has `usage`; then `data: [DONE]`. "
                    'What goes wrong on the way is told as `data: {"error": ...}` in place of the rest.',
                }
            }
        }
    }
}
