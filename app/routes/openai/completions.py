"""Routes POST /v1/completions and /m/{model}/v1/completions, in OpenAI's shape."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

from app.engine.outbox import GenerationStream
from app.http.declared_errors import raises
from app.http.request_body import await_unless_disconnected
from app.http.responses import OrjsonResponse
from app.http.streaming import SSE_DONE, sse_event
from app.routes.dependencies import MODEL_ERRORS, WORK_ERRORS, InjectedModelRequest, ModelRequest, build_model_request
from app.routes.openai.completion_plan import CompletionPlan, plan_completion
from app.routes.openai.completion_stream import prompt_choice, start_texts, stream_completion
from app.routes.openai.fill_between import fill_between, filled_usage
from app.routes.openai.generated_texts import (
    GeneratedText,
    best_chunks,
    choice_content,
    finish_reason,
    usage_content,
)
from app.routes.openai.prompt_scores import ScoredPrompt, describe_prompts
from app.routes.openai.prompts import Prompt
from app.routes.router import resource_router
from app.schemas.openai.completion_answer import COMPLETION_RESPONSES, CompletionAnswer
from app.schemas.openai.completion_request import CompletionRequest, ModelCompletionRequest

IGNORED_FIELDS_HEADER = "x-ignored-fields"
"""Header of an answer that names the fields of the request which no route knows."""
MAX_HEADER_BYTES = 1000
"""Length of that header at most; names beyond are left out."""
router = resource_router("completions")


@router.post(
    "/v1/completions", response_model=CompletionAnswer, responses=COMPLETION_RESPONSES, summary="Complete prompts"
)
@raises(*MODEL_ERRORS, *WORK_ERRORS)
async def create_completion(request: Request, body: CompletionRequest) -> Response:
    """Continue prompts, as OpenAI's clients ask for it.

    With `echo` and `logprobs` the prompts are scored, too. Log-probabilities are the model's own (nats), whatever
    temperature, penalties and bias made of them. Fields that this service does not know are ignored, and named in the
    header `x-ignored-fields`.
    """
    return await complete_with_model(await build_model_request(request, body.model), body)


@router.post(
    "/m/{model}/v1/completions",
    response_model=CompletionAnswer,
    responses=COMPLETION_RESPONSES,
    summary="Complete prompts with the model of the path",
)
@raises(*WORK_ERRORS)
async def create_model_completion(request: InjectedModelRequest, body: ModelCompletionRequest) -> Response:
    """Continue prompts as `/v1/completions` does, with the model of the path.

    A model in the body is not looked at.
    """
    return await complete_with_model(request, body)


async def complete_with_model(request: ModelRequest, body: CompletionRequest) -> Response:
    """Answer a request whose model has been found."""
    plan = plan_completion(request, body)
    if body.suffix:
        return _mark_ignored(body, await _fill_between(plan))
    scores = await _score_prompts(plan) if plan.scores_prompts else [None] * len(plan.prompts)
    return _mark_ignored(body, await stream_completion(plan, scores) if plan.stream else await _complete(plan, scores))


def _mark_ignored(body: CompletionRequest, response: Response) -> Response:
    """Name in the answer the fields of the request that are ignored."""
    if body.ignored_fields:
        response.headers[IGNORED_FIELDS_HEADER] = ", ".join(map(quote, body.ignored_fields))[:MAX_HEADER_BYTES]
    return response


async def _fill_between(plan: CompletionPlan) -> Response:
    """Answer with the words between prompts and suffix; a stream has an event for each."""
    choices = await fill_between(plan)
    usage = filled_usage(plan, choices)
    if not plan.stream:
        return OrjsonResponse(plan.head | {"choices": choices, "usage": usage})
    parts: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    if plan.tells_usage:
        parts.append({"choices": [], "usage": usage})
    content = b"".join([*(sse_event(plan.head | part) for part in parts), SSE_DONE])
    return Response(content, media_type="text/event-stream")


async def _score_prompts(plan: CompletionPlan) -> Sequence[ScoredPrompt | None]:
    request, k = plan.request, plan.logprobs or 0
    checkpoint = request.checkpoint
    model = checkpoint.predictor if k else checkpoint.language_model
    tokens = sum(len(prompt.ids) for prompt in plan.prompts) + 1
    cost = request.ranking_cost if k else 1
    return await request.run(describe_prompts(model, plan.prompts, k, request.runtime), tokens * cost)


async def _complete(plan: CompletionPlan, scores: Sequence[ScoredPrompt | None]) -> Response:
    """Answer with all texts at once."""
    choices: list[dict[str, Any]] = []
    texts: list[GenerationStream] = []
    if not plan.max_tokens:
        for i, (prompt, score) in enumerate(zip(plan.prompts, scores, strict=True)):
            choices += [prompt_choice(plan, i * plan.n + j, prompt, score, "length") for j in range(plan.n)]
    else:
        for group in plan.groups():
            texts += await _generate_group(plan, plan.prompts[group], scores[group])
        for i, (prompt, text) in enumerate(zip(plan.prompts, texts, strict=True)):
            choices += _choices(plan, i, prompt, text, scores[i])
    return OrjsonResponse(plan.head | {"choices": choices, "usage": usage_content(plan, texts)})


async def _generate_group(
    plan: CompletionPlan, prompts: Sequence[Prompt], scores: Sequence[ScoredPrompt | None]
) -> list[GenerationStream]:
    """Return the finished texts of some prompts."""
    with ExitStack() as stack:
        texts = start_texts(plan, prompts, scores, stack)
        ends = [text.finished for text in texts]
        finished: asyncio.Future[Any] = ends[0] if len(ends) == 1 else asyncio.gather(*ends)
        await await_unless_disconnected(plan.request.wait_for_disconnect, finished)
    return texts


def _choices(
    plan: CompletionPlan, i: int, prompt: Prompt, text: GenerationStream, score: ScoredPrompt | None
) -> list[dict[str, Any]]:
    """Return the choices of prompt `i`. Raises ModelFailed."""
    before = prompt.text if plan.echo else ""
    return [
        choice_content(
            i * plan.n + j,
            before + chunk.text,
            GeneratedText(plan, prompt).logprobs(chunk, score.lists.copy() if score else None),
            finish_reason(chunk),
        )
        for j, chunk in enumerate(best_chunks(plan, text.result()))
    ]
