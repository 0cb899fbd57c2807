"""Route POST /v1/models/{model}/generate: texts that continue a prompt, whole or streamed."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import fields
from typing import Any

from fastapi import Response

from app.engine.generation_request import GenerationChunk
from app.engine.outbox import GenerationStream
from app.http.declared_errors import raises
from app.http.request_body import await_unless_disconnected
from app.http.responses import OrjsonResponse
from app.http.streaming import SSE_DONE, ManagedStream, sse_event
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.schemas.generate import (
    STREAM_RESPONSES,
    GenerateAnswer,
    GenerateRequest,
    end_fields,
    generated_token_contents,
    stop_strings,
)
from models.errors import InvalidInput
from models.inference.config import SamplingParams
from models.inference.logit_bias import parse_logit_bias
from models.tokenization.tokenizer import Tokenizer

SHARED_FIELDS = sorted(
    {field.name for field in fields(SamplingParams)}
    & GenerateRequest.model_fields.keys() - {"seed", "stop", "logit_bias"}
)
"""Fields that a request shares with `SamplingParams`, by name and meaning."""
router = resource_router("generate", "/v1/models")


@router.post("/{model}/generate", response_model=GenerateAnswer, responses=STREAM_RESPONSES, summary="Generate text")
@raises(*WORK_ERRORS)
async def generate(request: InjectedModelRequest, body: GenerateRequest) -> Response:
    """Generate texts that continue a prompt: sampled, or (temperature 0) always the most probable token.

    With `stream`, tokens are sent as server-sent events, one each (several where the reader is slow), the last with
    `usage`, then `[DONE]`. An error after the first byte is sent as an event `{"error": ...}`.
    """
    _check_limits(request, body)
    seed = secrets.randbits(53) if body.seed is None else body.seed
    head = request.served.answer_fields | {"seed": seed}
    model, tokenizer = request.checkpoint.predictor, request.checkpoint.tokenizer
    params = _sampling_params(body, seed, tokenizer)
    prompt = tokenizer.encode_batch([body.prompt]).ids.tolist()
    async with AsyncExitStack() as stack:
        texts = stack.enter_context(
            request.engine.generate(model, tokenizer, prompt, params, body.n, streaming=body.stream)
        )
        if body.stream:
            return ManagedStream(
                _stream_events(request, texts, head), "text/event-stream", stack.pop_all(), format_error=sse_event
            )
        await await_unless_disconnected(request.wait_for_disconnect, texts.finished)
        choices = [_choice_content(request, chunk) for chunk in texts.result()]
    return OrjsonResponse(head | {"choices": choices, "usage": _usage(texts)})


def _check_limits(request: ModelRequest, body: GenerateRequest) -> None:
    """Raise InvalidInput for values beyond the limits of the settings."""
    request.check_context("prompt", body.prompt)
    for field, value, limit in (
        ("max_tokens", body.max_tokens, request.settings.max_tokens),
        ("n", body.n, request.settings.max_choices),
    ):
        if value > limit:
            raise InvalidInput(field, f"at most {limit}, not {value}")
    count, most = body.n * body.max_tokens * body.top_logprobs, request.settings.max_rows
    if count > most:
        raise InvalidInput(
            "top_logprobs", f"at most {most} in one answer, and n times max_tokens times top_logprobs are {count}"
        )


def _sampling_params(body: GenerateRequest, seed: int, tokenizer: Tokenizer) -> SamplingParams:
    bias = parse_logit_bias(tokenizer, body.logit_bias) if body.logit_bias else ()
    shared = {name: getattr(body, name) for name in SHARED_FIELDS}
    return SamplingParams(**shared, seed=seed, stop=stop_strings(body.stop), logit_bias=bias)


async def _stream_events(
    request: ModelRequest, texts: GenerationStream, head: dict[str, Any]
) -> AsyncGenerator[bytes, None]:
    unfinished = texts.request.n
    async for chunk in texts.chunks():
        unfinished -= chunk.finish_reason is not None
        data = head | {"choices": [_chunk_content(request, chunk)]}
        yield sse_event(data if unfinished else data | {"usage": _usage(texts)})
    yield SSE_DONE


def _chunk_content(request: ModelRequest, chunk: GenerationChunk) -> dict[str, Any]:
    content = {"index": chunk.index, "text": chunk.text, "tokens": _token_contents(request, chunk)}
    return content | {"finish_reason": chunk.finish_reason} | _end_fields(request, chunk)


def _choice_content(request: ModelRequest, chunk: GenerationChunk) -> dict[str, Any]:
    content = {
        "index": chunk.index,
        "text": chunk.text,
        "tokens": _token_contents(request, chunk),
        "logprob": chunk.logprob,
        "finish_reason": chunk.finish_reason,
    }
    return content | _end_fields(request, chunk)


def _token_contents(request: ModelRequest, chunk: GenerationChunk) -> list[dict[str, Any]]:
    names = request.checkpoint.tokenizer.names
    return generated_token_contents(
        names, chunk.tokens, chunk.logprobs, chunk.alternatives, chunk.sampling_probabilities
    )


def _end_fields(request: ModelRequest, chunk: GenerationChunk) -> dict[str, Any]:
    return end_fields(request.checkpoint.tokenizer.names, chunk.end)


def _usage(texts: GenerationStream) -> dict[str, Any]:
    prompt, completion = len(texts.request.prompt), texts.completion_tokens
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return counts | {"prompt_tokens_details": {"cached_tokens": texts.cached_tokens}}
