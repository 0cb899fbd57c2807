"""Route POST /v1/models/{model}/probability: probabilities of texts and of their tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from fastapi import APIRouter

from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModelRequest
from app.schemas.base import logprob_fields
from app.schemas.probability import ProbabilityAnswer, ProbabilityRequest
from models.inference.scoring import TextScores
from models.tokenization.tokenizer import Tokenizer

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/probability", response_model=ProbabilityAnswer, summary="Score texts")
async def score_probability(request: InjectedModelRequest, body: ProbabilityRequest) -> OrjsonResponse:
    """Score each text after a context: its probability is the product of its tokens' probabilities."""
    texts = [body.text] if isinstance(body.text, str) else body.text
    request.check_count("text", texts)
    scores = await request.score(texts, body)
    results, total = _result_contents(scores)
    if body.tokens:
        for result, tokens in zip(results, _token_contents(request.checkpoint.tokenizer, scores), strict=True):
            result["tokens"] = tokens
    return OrjsonResponse(request.served.answer_fields | {"results": results, "total": total})


def _result_contents(scores: TextScores) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the results of each text, and of all together."""
    totals = [(*total, undefined) for total, undefined in zip(scores.totals(), scores.undefined_counts(), strict=True)]
    results = [_score_content(*total) | {"probability": math.exp(total[0])} for total in totals]
    return results, _score_content(*map(sum, zip(*totals, strict=True)))


def _score_content(logprob: float, token_count: int, oov_count: int, undefined_contexts: int) -> dict[str, Any]:
    content = logprob_fields(logprob) | {"token_count": token_count, "oov_count": oov_count}
    return content | {"undefined_contexts": undefined_contexts} if undefined_contexts else content


def _token_contents(tokenizer: Tokenizer, scores: TextScores) -> Iterator[list[dict[str, Any]]]:
    """Yield the scored tokens of each text."""
    encodings = scores.encodings
    surface_forms = tokenizer.batch_surface_forms(scores.texts, encodings)
    columns = zip(surface_forms, encodings.ids.tolist(), encodings.oov.tolist(), scores.logprobs.tolist(), strict=True)
    tokens = [{"token": token, "id": i, "oov": oov} | logprob_fields(logprob) for token, i, oov, logprob in columns]
    for t in [] if scores.undefined is None else scores.undefined.nonzero()[0].tolist():
        tokens[t]["undefined_context"] = True
    return (tokens[begin:end] for begin, end in pairwise([0, *encodings.ends.tolist()]))
