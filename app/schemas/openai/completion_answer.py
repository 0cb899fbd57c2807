"""Answer and stream events of completions, in OpenAI's shape."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.schemas.base import MODEL_FIELD, NORMALIZED_FIELD, ErrorAnswer, ResponseBody
from app.schemas.details.streams import event_stream
from app.schemas.generate import PromptDetails
from models.inference.config import FinishReason as TextEnd

FinishReason = Literal["stop", "length"]
FINISH_REASONS: dict[TextEnd | None, FinishReason | None] = {
    None: None,
    "stop": "stop",
    "end": "stop",
    "no_continuation": "stop",
    "length": "length",
}
"""How a text ended -> what OpenAI's API calls it."""
ID_FIELD = Field(description="Name of this answer, for logs; nothing is kept under it.", examples=["cmpl-2f1b"])
CREATED_FIELD = Field(description="When it was made, in seconds since 1970.", examples=[1764000000])


class CompletionLogprobs(ResponseBody):
    """Log-probabilities (nats) of the tokens of a text, as lists of one length.

    They are the model's own, of the prompt's tokens, where it is echoed, and of the generated ones, the `</s>` that
    ended the text included. Log of zero is -9999.
    """

    tokens: list[str] = Field(description="The tokens; one that is no whole characters as `bytes:\\xe2\\x80`.")
    token_logprobs: list[float | None] = Field(
        description="The model's own log-probability of each; null for the first token of a prompt."
    )
    top_logprobs: list[dict[str, float] | None] = Field(
        description="The most probable tokens in the place of each, and the token itself, with their log-probabilities."
    )
    text_offset: list[int] = Field(description="Where each begins in `text` (in a stream, of the whole text).")


class CompletionChoice(ResponseBody):
    """A text that continues a prompt."""

    index: int = Field(description="Which text, from 0: all of the first prompt, then those of the second.")
    text: str = Field(description="Text that follows the prompt; with `echo`, the prompt before it.")
    logprobs: CompletionLogprobs | None = Field(description="Log-probabilities of its tokens, where asked for.")
    finish_reason: FinishReason | None = Field(
        description="`stop`: the text came to its end or a stop string; `length`: `max_tokens` came. In a stream, null "
        "until the last event of a text."
    )


class CompletionUsage(ResponseBody):
    """Token counts of a request."""

    prompt_tokens: int = Field(description="Tokens of all prompts, each counted once.")
    completion_tokens: int = Field(description="Tokens of all texts, those that `best_of` left out included.")
    total_tokens: int = Field(description="Their sum.")
    prompt_tokens_details: PromptDetails = Field(description="Details of the prompts' tokens.")


class CompletionHead(ResponseBody):
    """Fields that a whole answer and each event of a stream begin with."""

    id: str = ID_FIELD
    object: Literal["text_completion"] = Field(description="Always `text_completion`.")
    created: int = CREATED_FIELD
    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    seed: int = Field(description="Seed that gives the same texts again.")


class CompletionAnswer(CompletionHead):
    """Texts that continue the prompts."""

    choices: list[CompletionChoice] = Field(description="The texts.")
    usage: CompletionUsage = Field(description="Token counts of the request.")


class CompletionEvent(CompletionHead):
    """Event of a stream, sent as `data: {...}`; after the last comes `data: [DONE]`."""

    choices: list[CompletionChoice] = Field(description="The next part of one text; none beside `usage`.")
    usage: CompletionUsage | None = Field(None, description="In the last event, where `stream_options` ask for it.")


COMPLETION_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The texts; with `stream`, server-sent events.",
        "headers": {
            "x-ignored-fields": {
                "description": "Names of the request's fields that this service does not know, if any.",
                "schema": {"type": "string"},
            }
        },
        "content": event_stream(
            CompletionEvent,
            ErrorAnswer,
            description="With `stream`: `data: {...}` as tokens come, then `data: [DONE]`; what goes wrong on the "
            'way is told as `data: {"error": ...}` in place of the rest.',
        ),
    }
}
