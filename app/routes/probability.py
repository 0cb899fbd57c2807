"""POST /v1/models/{model}/probability: how probable texts are."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter

from app.answers import Json
from app.call import ModelCall
from app.schemas.base import logprob_fields
from app.schemas.probability import ProbabilityAnswer, ProbabilityRequest
from models.scoring import TextScore, score_texts
from models.tokenizer import Tokenizer

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/probability", response_model=ProbabilityAnswer, summary="Score texts")
async def score_probability(call: ModelCall, body: ProbabilityRequest) -> Json:
    """The probability of each text after a context: the product of its tokens' probabilities."""
    texts = [body.text] if isinstance(body.text, str) else body.text
    call.check_count("text", texts)
    call.check_context("context", body.context)
    model, tokenizer = call.checkpoint.model, call.checkpoint.tokenizer
    work = score_texts(model, tokenizer, texts, context=body.context, bos=body.bos, eos=body.eos)
    scores = await call.run(work, sum(len(text) for text in texts) + len(body.context))
    results = [_result(score, tokenizer if body.tokens else None) for score in scores]
    return Json({"model": call.served.id, "results": results, "total": _total(scores)})


def _result(score: TextScore, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """What is told of one text; of its tokens too, given a tokenizer."""
    result = _total([score]) | {"probability": math.exp(score.logprob)}
    if tokenizer is not None:
        columns = zip(
            score.tokens(tokenizer), score.ids.tolist(), score.logprobs.tolist(), score.oov.tolist(), strict=True
        )
        result["tokens"] = [
            {"token": token, "id": i, "oov": oov} | logprob_fields(logprob) for token, i, logprob, oov in columns
        ]
    return result


def _total(scores: list[TextScore]) -> dict[str, Any]:
    return logprob_fields(sum(score.logprob for score in scores)) | {
        "token_count": sum(score.token_count for score in scores),
        "oov_count": sum(score.oov_count for score in scores),
    }
