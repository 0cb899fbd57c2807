"""Streams of completions, and the beginning of texts that streams and whole answers share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from fastapi import Response

from app.engine.outbox import GenerationStream
from app.http.streaming import SSE_DONE, ManagedStream, sse_event
from app.routes.openai.completion_plan import CompletionPlan
from app.routes.openai.generated_texts import GeneratedText, choice_content, finish_reason, usage_content
from app.routes.openai.prompt_scores import ScoredPrompt
from app.routes.openai.prompts import Prompt
from app.schemas.openai.logprobs import LogprobLists


def start_texts(
    plan: CompletionPlan,
    prompts: Sequence[Prompt],
    scores: Sequence[ScoredPrompt | None],
    stack: ExitStack | AsyncExitStack,
) -> list[GenerationStream]:
    """Begin to generate texts; they end with `stack`. Raises Overloaded or ServerStopping.

    A prompt that was scored is not read a second time.
    """
    request, params = plan.request, plan.sampling_params()
    model, tokenizer = request.checkpoint.predictor, request.checkpoint.tokenizer
    return [
        stack.enter_context(
            request.engine.generate(
                model,
                tokenizer,
                prompt.ids_to_read.tolist(),
                params,
                plan.best_of,
                streaming=plan.stream,
                end_state=score.end_state if score else None,
            )
        )
        for prompt, score in zip(prompts, scores, strict=True)
    ]


def prompt_choice(
    plan: CompletionPlan, index: int, prompt: Prompt, score: ScoredPrompt | None, reason: str | None
) -> dict[str, Any]:
    """Return a choice of the prompt alone, or of nothing where it is not echoed."""
    lists = score.lists if score else None
    if plan.logprobs is not None and lists is None:
        lists = LogprobLists(prompt.tokenizer.names)
    return choice_content(index, prompt.text if plan.echo else "", lists.content() if lists else None, reason)


async def stream_completion(plan: CompletionPlan, scores: Sequence[ScoredPrompt | None]) -> Response:
    """Answer with events; all texts are generated together, and told prompt by prompt."""
    async with AsyncExitStack() as stack:
        texts = start_texts(plan, plan.prompts, scores, stack) if plan.max_tokens else []
        events = _stream_events(plan, scores, texts)
        return ManagedStream(events, "text/event-stream", stack.pop_all(), format_error=sse_event)
    raise AssertionError("nothing suppresses errors")


async def _stream_events(
    plan: CompletionPlan, scores: Sequence[ScoredPrompt | None], texts: Sequence[GenerationStream]
) -> AsyncGenerator[bytes, None]:
    head = plan.head | {"usage": None} if plan.tells_usage else plan.head
    for i, prompt in enumerate(plan.prompts):
        first = i * plan.n
        if plan.echo or not texts:
            for j in range(plan.n):
                reason = None if texts else "length"
                yield sse_event(head | {"choices": [prompt_choice(plan, first + j, prompt, scores[i], reason)]})
        if texts:
            async for content in _stream_text(plan, first, prompt, texts[i]):
                yield sse_event(head | {"choices": [content]})
    if plan.tells_usage:
        yield sse_event(head | {"choices": [], "usage": usage_content(plan, texts)})
    yield SSE_DONE


async def _stream_text(
    plan: CompletionPlan, first: int, prompt: Prompt, text: GenerationStream
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the choices of one prompt part by part."""
    parts = [GeneratedText(plan, prompt) for _ in range(plan.n)]
    async for chunk in text.chunks():
        logprobs = parts[chunk.index].logprobs(chunk)
        yield choice_content(first + chunk.index, chunk.text, logprobs, finish_reason(chunk))
