"""Route POST /v1/models/{model}/complete: whole words and phrases that someone may be typing."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from app.http.declared_errors import raises
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.schemas.trades.complete import CompleteAnswer, CompleteRequest, complete_content
from models.composite.config import CacheConfig
from models.composite.recent_text import RecentTextModel
from models.errors import InvalidInput
from models.inference.prefill import Runtime
from models.inference.typing.complete import complete
from models.inference.typing.query import CompletionQuery, Completions
from models.tasks.fill_in.completion import complete_between
from models.tasks.fill_in.fill_in_model import FillInModel

router = resource_router("predict", "/v1/models")
RECENT_TOKENS = 4000
"""Tokens of recent text that are remembered, the last ones."""
CONTEXT_TOKENS = 256
"""Tokens of the context that are remembered beside them."""
TOKENS_PER_WORD = {"word": 1, "character": 8}
"""Tokens that a word is found in, by the kind of tokens; some four where tokens are parts of words."""


@router.post("/{model}/complete", response_model=CompleteAnswer, summary="Complete what is being typed")
@raises(*WORK_ERRORS)
async def complete_typed(request: InjectedModelRequest, body: CompleteRequest) -> OrjsonResponse:
    """Give the most probable words, or phrases, for what someone has typed between two texts.

    Words are whole, whatever the tokens of the model, and `probability` is that of `analyze`. Recent text is not kept.
    """
    query = body.query()
    request.check_context("context", body.context)
    if isinstance(request.checkpoint.model, FillInModel):
        work, cost = _between(request, body, query), request.estimate_tokens([body.context, body.right])
    else:
        work, cost = _behind(request, body, query), _estimate_cost(request, body, query)
    completions = await request.run(work, cost)
    content = complete_content(completions, is_biased=bool(body.bias))
    return OrjsonResponse(request.served.answer_fields | content)


def _between(request: ModelRequest, body: CompleteRequest, query: CompletionQuery) -> Generator[int, None, Completions]:
    """Return the work of a fill-in model. Raises InvalidInput for what it cannot do."""
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    if body.recent:
        raise InvalidInput("recent", "is for language models: a fill-in model has no cache")
    assert isinstance(model, FillInModel)
    return complete_between(model, tokenizer, body.context, query, heal=body.heal)


def _behind(request: ModelRequest, body: CompleteRequest, query: CompletionQuery) -> Generator[int, None, Completions]:
    """Complete by a language model, with a cache of recent text if there is any; work of the engine."""
    model, tokenizer, runtime = request.checkpoint.predictor, request.checkpoint.tokenizer, request.runtime
    if body.recent:
        recent = tokenizer.encode(body.recent).ids[-RECENT_TOKENS:].astype(np.int64)
        config = CacheConfig(len(recent) + CONTEXT_TOKENS, body.recent_weight / 2, body.recent_weight / 2)
        model = RecentTextModel(config, model, recent)
        runtime = Runtime(runtime.chunk_tokens)  # its states hold the user's text, so that none is cached
    work = complete(model, tokenizer, body.context, query, bos=body.bos, heal=body.heal, runtime=runtime)
    return (yield from work)


def _estimate_cost(request: ModelRequest, body: CompleteRequest, query: CompletionQuery) -> int:
    """Estimate how many tokens are read, and how many distributions computed, as tokens."""
    steps = TOKENS_PER_WORD.get(request.checkpoint.tokenizer.config.kind, 4) * query.words
    rows = 1 + (steps - 1) * query.beam
    rescored = query.shortlist * request.estimate_tokens([body.right]) if body.right else 0
    own = request.estimate_tokens(query.bias) if query.bias else 0
    recent = (16 + rows) * request.estimate_tokens([body.recent]) // 16 if body.recent else 0
    return request.estimate_tokens([body.context]) + rows * request.ranking_cost + rescored + own + recent
