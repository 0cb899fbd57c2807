"""POST /v1/models/{model}/generate: texts that continue a prompt, whole or a token at a time."""

from __future__ import annotations

import math
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import fields
from typing import Any

from fastapi import APIRouter, Response

from app.engine.engine import unless
from app.engine.generation_request import Part, Run
from app.http.responses import Json, event
from app.http.streaming import Stream
from app.routes.dependencies import Call, ModelCall
from app.schemas.base import logprob_fields
from app.schemas.generate import EVENTS, GenerateAnswer, GenerateRequest
from models.errors import InvalidInput
from models.inference.config import SamplingParams
from models.inference.generation import Sequence, samples

SAME = sorted({field.name for field in fields(SamplingParams)} & GenerateRequest.model_fields.keys() - {"seed", "stop"})
"""Fields that a request names as `SamplingParams` does, and means as they are."""

router = APIRouter(prefix="/v1/models", tags=["generate"])


@router.post("/{model}/generate", response_model=GenerateAnswer, responses=EVENTS, summary="Generate text")
async def generate(call: ModelCall, body: GenerateRequest) -> Response:
    """Texts that continue a prompt, sampled or (temperature 0) always the most probable token.

    With `stream`, server-sent events: a token each (several where you read more slowly than they come), the last
    with `usage`, then `[DONE]`. What goes wrong on the way is told in an event `{"error": ...}` in its place.
    """
    _check(call, body)
    head: dict[str, Any] = {"model": call.served.id, "seed": secrets.randbits(53) if body.seed is None else body.seed}
    sequences = samples(call.checkpoint.tokenizer, body.prompt, _params(body, head["seed"]), body.n)
    async with AsyncExitStack() as stack:
        work = call.engine.generate(call.checkpoint.model, sequences, streaming=body.stream)
        run = stack.enter_context(work)
        if body.stream:
            return Stream(_events(call, run, head), "text/event-stream", stack.pop_all(), last_words=event)
        await unless(call.hung_up, run.over)
        run.check()
    choices = [_choice(call, sequence) for sequence in sequences]
    return Json(head | {"choices": choices, "usage": _usage(sequences)})


def _check(call: Call, body: GenerateRequest) -> None:
    """Raise InvalidInput for more than the settings allow."""
    call.check_context("prompt", body.prompt)
    for field, value, limit in (
        ("max_tokens", body.max_tokens, call.settings.max_tokens),
        ("n", body.n, call.settings.max_choices),
    ):
        if value > limit:
            raise InvalidInput(field, f"at most {limit}, not {value}")


def _params(body: GenerateRequest, seed: int) -> SamplingParams:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return SamplingParams(**{name: getattr(body, name) for name in SAME}, seed=seed, stop=stop)


async def _events(call: Call, run: Run, head: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    left = len(run.sequences)
    async for part in run.parts():
        left -= part.finish_reason is not None
        data = head | {"choices": [_part(call, part)]}
        yield event(data if left else data | {"usage": _usage(run.sequences)})
    yield b"data: [DONE]\n\n"


def _part(call: Call, part: Part) -> dict[str, Any]:
    tokens = _tokens(call, part.tokens, part.logprobs)
    return {"index": part.sequence.index, "text": part.text, "tokens": tokens, "finish_reason": part.finish_reason}


def _choice(call: Call, sequence: Sequence) -> dict[str, Any]:
    return {
        "index": sequence.index,
        "text": sequence.text,
        "tokens": _tokens(call, sequence.tokens, sequence.logprobs),
        "logprob": sequence.logprob,
        "finish_reason": sequence.finish_reason,
    }


def _tokens(call: Call, tokens: list[int], logprobs: list[float]) -> list[dict[str, Any]]:
    vocabulary, found = call.checkpoint.tokenizer.vocabulary, zip(tokens, logprobs, strict=True)
    if math.isfinite(sum(logprobs)):  # as they nearly always are: it is soon done
        return [{"token": vocabulary[token], "id": token, "logprob": logprob} for token, logprob in found]
    return [{"token": vocabulary[token], "id": token, **logprob_fields(logprob)} for token, logprob in found]


def _usage(sequences: list[Sequence]) -> dict[str, Any]:
    prompt, completion = len(sequences[0].prompt), sum(len(sequence.tokens) for sequence in sequences)
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return counts | {"prompt_tokens_details": {"cached_tokens": sequences[0].cached}}
