"""POST /v1/models/{model}/probability: how probable texts are."""

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
from models.inference.scoring import TextScores, score_texts
from models.tokenization.tokenizer import Tokenizer

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/probability", response_model=ProbabilityAnswer, summary="Score texts")
async def score_probability(call: InjectedModelRequest, body: ProbabilityRequest) -> OrjsonResponse:
    """The probability of each text after a context: the product of its tokens' probabilities."""
    texts = [body.text] if isinstance(body.text, str) else body.text
    call.check_count("text", texts)
    call.check_context("context", body.context)
    model, tokenizer = call.checkpoint.model, call.checkpoint.tokenizer
    work = score_texts(model, tokenizer, texts, context=body.context, bos=body.bos, eos=body.eos, runtime=call.runtime)
    scores = await call.run(work, call.estimate_tokens([*texts, body.context]))
    results, total = _result_contents(scores)
    if body.tokens:
        for result, tokens in zip(results, _token_contents(tokenizer, scores), strict=True):
            result["tokens"] = tokens
    return OrjsonResponse({"model": call.served.id, "results": results, "total": total})


def _result_contents(scores: TextScores) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What is told of each text, and of all together."""
    sums = list(scores.totals())
    results = [_figures(*figures) | {"probability": math.exp(figures[0])} for figures in sums]
    return results, _figures(*map(sum, zip(*sums, strict=True)))


def _figures(logprob: float, token_count: int, oov_count: int) -> dict[str, Any]:
    return logprob_fields(logprob) | {"token_count": token_count, "oov_count": oov_count}


def _token_contents(tokenizer: Tokenizer, scores: TextScores) -> Iterator[list[dict[str, Any]]]:
    """What is told of the tokens of each text."""
    found = scores.encodings
    surfaces = tokenizer.batch_surface_forms(scores.texts, found)
    columns = zip(surfaces, found.ids.tolist(), found.oov.tolist(), scores.logprobs.tolist(), strict=True)
    told = [{"token": token, "id": i, "oov": oov} | logprob_fields(logprob) for token, i, oov, logprob in columns]
    return (told[begin:end] for begin, end in pairwise([0, *found.ends.tolist()]))
