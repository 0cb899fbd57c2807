"""Route POST /v1/models/{model}/pseudo_logprob: each token of a text judged by all the others."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, ModelRequest, model_injector
from app.routes.router import resource_router
from app.schemas.base import logprob_fields
from app.schemas.tasks.fill import PseudoLogprobAnswer, PseudoLogprobRequest
from models.model import Model
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.pseudo_likelihood import pseudo_logprob
from models.tasks.fill_in.query import PseudoScore
from models.tokenization.tokenizer import Tokenizer

router = resource_router("tasks", "/v1/models")
FillInRequest = Annotated[ModelRequest, Depends(model_injector("gutenberg-fill", "a bidirectional fill-in model"))]


@router.post(
    "/{model}/pseudo_logprob", response_model=PseudoLogprobAnswer, summary="Judge each token by all the others"
)
@raises(*WORK_ERRORS)
async def score_pseudo_logprob(request: FillInRequest, body: PseudoLogprobRequest) -> OrjsonResponse:
    """Sum log P(token | all other tokens) over each text: its pseudo-log-likelihood.

    It ranks texts of equal length, and is no probability: a model that reads both sides has none of a text. Language
    models do, and are asked for it at `probability`.
    """
    model = request.checkpoint.model
    if not isinstance(model, FillInModel):
        raise request.checkpoint.unsupported_error("tell a pseudo-log-likelihood, which is for fill-in models")
    texts = request.check_texts("text", body.text)
    predict = partial(_score, model, request.checkpoint.tokenizer, tell_tokens=body.tokens)
    tokens = request.estimate_tokens(good_items(texts))
    results = await request.run_texts(("pseudo_logprob", body.tokens), predict, texts, tokens)
    return OrjsonResponse({"model": request.served.id, "results": told_errors(results, text=body.text)})


def _score(
    model: Model, tokenizer: Tokenizer, texts: Sequence[str], *, tell_tokens: bool
) -> Generator[int, None, list[dict[str, Any]]]:
    """Score texts as work of the engine; return the content for each."""
    scores = yield from pseudo_logprob(model, tokenizer, texts)
    results = [_content(score) for score in scores]
    if tell_tokens:
        for score, result in zip(scores, results, strict=True):
            result["tokens"] = _token_contents(score)
    return results


def _content(score: PseudoScore) -> dict[str, Any]:
    """Return the JSON content of a text's score. Raises ModelFailed for NaN."""
    logprob, count = logprob_fields(score.pseudo_logprob)["logprob"], len(score.tokens)
    return {
        "pseudo_logprob": logprob,
        "pseudo_perplexity": _perplexity(score.pseudo_logprob, count),
        "token_count": count,
        "oov_count": sum(score.oov),
    }


def _perplexity(logprob: float, count: int) -> float | None:
    """Return exp of the negative mean; None without tokens, or where a float cannot hold it."""
    try:
        perplexity = math.exp(-logprob / count)
    except (OverflowError, ZeroDivisionError):
        return None
    return perplexity if math.isfinite(perplexity) else None


def _token_contents(score: PseudoScore) -> list[dict[str, Any]]:
    columns = zip(score.tokens, score.oov, score.logprobs, strict=True)
    return [
        {"token": token, "oov": oov, "pseudo_logprob": logprob_fields(logprob)["logprob"]}
        for token, oov, logprob in columns
    ]
