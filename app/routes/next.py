"""Route POST /v1/models/{model}/next: the most probable next tokens after one or more contexts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.schemas.next import NextAnswer, NextBatch, NextRequest, next_content
from models.errors import InvalidInput
from models.inference.prediction.next_token import next_tokens

router = resource_router("predict", "/v1/models")
EXPLANATION_TOKENS = 500
"""Tokens that an explanation counts as; one of an n-gram model takes half a millisecond."""
LONG_RESULT_TOKENS = 1000
"""Length of a result in tokens after which other work may go first."""


@router.post("/{model}/next", response_model=NextAnswer | NextBatch, summary="Predict the next token")
@raises(*WORK_ERRORS)
async def predict_next(request: InjectedModelRequest, body: NextRequest) -> OrjsonResponse:
    """Predict the most probable next tokens after a context, or after each of several.

    Probabilities are the model's own: they are not scaled up to make those shown sum to one.
    """
    contexts = request.check_texts("context", body.context)
    predict = partial(_results, request, body)
    results = told_errors(
        await request.run_items(predict, contexts, _estimate_cost(request, good_items(contexts), body)),
        context=body.context,
    )
    if isinstance(body.context, str):
        return OrjsonResponse(request.served.answer_fields | results[0])
    return OrjsonResponse(request.served.answer_fields | {"results": results})


def _results(
    request: ModelRequest, body: NextRequest, contexts: Sequence[str]
) -> Generator[int, None, list[dict[str, Any]]]:
    """Compute the content for each context as work of the engine: it may have many thousand tokens."""
    model, tokenizer, results = request.checkpoint.predictor, request.checkpoint.tokenizer, []
    predictions = yield from next_tokens(model, tokenizer, contexts, body.query(), request.runtime)
    for prediction in predictions:
        results.append(next_content(prediction, tokenizer.names))
        if len(prediction.ids) >= LONG_RESULT_TOKENS:
            yield 0
    return results


def _estimate_cost(request: ModelRequest, contexts: Sequence[str], body: NextRequest) -> int:
    """Estimate how many tokens are read and returned. Raises InvalidInput where they are too many."""
    count = min(body.top_k or request.checkpoint.card.vocabulary_size, request.checkpoint.card.vocabulary_size)
    if len(contexts) * count > request.settings.max_rows:
        raise InvalidInput(
            "top_k",
            f"{count} tokens for each of {len(contexts)} contexts are more than {request.settings.max_rows} in all",
        )
    # The last token of what was typed may begin at any character; most of them are ruled out at once.
    extra = len(body.prefix) ** 2 // 4 + EXPLANATION_TOKENS * body.explain
    return request.estimate_tokens(contexts) + len(contexts) * (count + extra)
