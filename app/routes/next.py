"""POST /v1/models/{model}/next: which tokens come next, and how probable each is."""

from __future__ import annotations

from fastapi import APIRouter

from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModelRequest, ModelRequest
from app.routes.prediction import predict
from app.schemas.next import NextAnswer, NextBatch, NextRequest
from models.errors import InvalidInput

router = APIRouter(prefix="/v1/models", tags=["predict"])


@router.post("/{model}/next", response_model=NextAnswer | NextBatch, summary="Predict the next token")
async def predict_next(call: InjectedModelRequest, body: NextRequest) -> OrjsonResponse:
    """The most probable next tokens after a context, or after each of several.

    Probabilities are the model's own: they are not scaled up to make those shown sum to one.
    """
    contexts = [body.context] if isinstance(body.context, str) else body.context
    results = await call.run(
        predict(call.checkpoint, contexts, body, call.runtime), _estimate_cost(call, contexts, body)
    )
    if isinstance(body.context, str):
        return OrjsonResponse({"model": call.served.id} | results[0])
    return OrjsonResponse({"model": call.served.id, "results": results})


def _estimate_cost(call: ModelRequest, contexts: list[str], body: NextRequest) -> int:
    """About how many tokens are read and told of; raises InvalidInput where they are too many."""
    call.check_count("context", contexts)
    for context in contexts:
        call.check_context("context", context)
    told = min(body.top_k or call.checkpoint.card.vocabulary_size, call.checkpoint.card.vocabulary_size)
    if len(contexts) * told > call.settings.max_rows:
        raise InvalidInput(
            "top_k", f"{told} tokens for each of {len(contexts)} contexts are more than {call.settings.max_rows} in all"
        )
    return call.estimate_tokens(contexts) + len(contexts) * told
