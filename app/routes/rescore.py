"""Route POST /v1/models/{model}/rescore: n-best hypotheses of a recogniser, ranked with the model."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter

from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModelRequest
from app.schemas.base import logprob_fields
from app.schemas.rescore import Hypothesis, RescoreAnswer, RescoreRequest
from models.errors import InvalidInput
from models.evaluation.text_size import word_count
from models.inference.scoring import TextScore

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/rescore", response_model=RescoreAnswer, summary="Rank hypotheses")
async def rescore(request: InjectedModelRequest, body: RescoreRequest) -> OrjsonResponse:
    """Rank hypotheses by `score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`.

    `logprob` is the model's, in nats, of the whole hypothesis after the context, with `zero_logprob` for each token
    that the model gives no probability; `words` are what blanks separate. Scores from other logarithms: multiply log10
    by 2.302585 first.
    """
    request.check_count("hypotheses", body.hypotheses)
    texts = [item if isinstance(item, InvalidInput) else item.text for item in body.hypotheses]
    scores: list[TextScore | InvalidInput] = await request.score(texts, body, list)
    contents = [_content(*pair, body) for pair in zip(body.hypotheses, scores, strict=True)]
    results = [{"index": i} | content for i, content in enumerate(told_errors(contents, hypotheses=body.hypotheses))]
    return OrjsonResponse(request.served.answer_fields | {"results": sorted(results, key=_sort_key)})


def _content(
    hypothesis: Hypothesis | InvalidInput, score: TextScore | InvalidInput, body: RescoreRequest
) -> dict[str, Any] | InvalidInput:
    if isinstance(score, InvalidInput):
        return score
    return hypothesis if isinstance(hypothesis, InvalidInput) else _weighted_content(hypothesis.score, score, body)


def _weighted_content(own_score: float, score: TextScore, body: RescoreRequest) -> dict[str, Any]:
    words = word_count(score.text)
    parts = {
        "score": own_score,
        "lm": 0.0 + body.lm_weight * score.logprob_with_floor(body.zero_logprob),
        "words": body.word_bonus * words,
        "oov": 0.0 - body.oov_penalty * score.oov_count,
    }
    counts = {"words": words, "token_count": score.token_count, "oov_count": score.oov_count}
    if score.zero_count:
        counts["zero_count"] = score.zero_count
    content = {"text": score.text, "total": sum(parts.values()), "parts": parts}
    return content | logprob_fields(score.logprob) | counts


def _sort_key(weighed: dict[str, Any]) -> float:
    """Return the sort key: best first, and hypotheses with an error behind all others."""
    total: float = weighed.get("total", -math.inf)
    return -total
