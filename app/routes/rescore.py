"""Route POST /v1/models/{model}/rescore: n-best hypotheses of a recogniser, ranked with the model."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter

from app.http.responses import OrjsonResponse
from app.routes.dependencies import InjectedModelRequest
from app.schemas.base import logprob_fields
from app.schemas.rescore import RescoreAnswer, RescoreRequest
from models.inference.scoring import TextScore

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/rescore", response_model=RescoreAnswer, summary="Rank hypotheses")
async def rescore(request: InjectedModelRequest, body: RescoreRequest) -> OrjsonResponse:
    """Rank hypotheses by `score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`.

    `logprob` is the model's, in nats, of the whole hypothesis after the context; `words` are its tokens, the end
    not counted. Scores from other logarithms: multiply log10 by 2.302585 first.
    """
    request.check_count("hypotheses", body.hypotheses)
    scores = await request.score([hypothesis.text for hypothesis in body.hypotheses], body)
    ranked = sorted((_weighted_content(i, score, body) for i, score in enumerate(scores)), key=_sort_key)
    return OrjsonResponse(request.served.answer_fields | {"results": ranked})


def _weighted_content(index: int, score: TextScore, body: RescoreRequest) -> dict[str, Any]:
    words = score.token_count - body.eos
    ruled_out = score.logprob == -math.inf and body.lm_weight != 0
    parts: dict[str, float | None] = {
        "score": body.hypotheses[index].score,
        "lm": None if ruled_out else body.lm_weight * score.logprob if body.lm_weight else 0.0,
        "words": body.word_bonus * words,
        "oov": 0.0 - body.oov_penalty * score.oov_count,
    }
    total = None if ruled_out else sum(part for part in parts.values() if part is not None)
    counts = {"words": words, "token_count": score.token_count, "oov_count": score.oov_count}
    return {"index": index, "text": score.text, "total": total, "parts": parts} | logprob_fields(score.logprob) | counts


def _sort_key(weighed: dict[str, Any]) -> float:
    """Return the sort key: best first, hypotheses of probability zero last."""
    return math.inf if weighed["total"] is None else -weighed["total"]
