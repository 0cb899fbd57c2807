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
from models.inference.scoring import TextScore

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post("/{model}/rescore", response_model=RescoreAnswer, summary="Rank hypotheses")
async def rescore(request: InjectedModelRequest, body: RescoreRequest) -> OrjsonResponse:
    """Rank hypotheses by `score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`.

    `logprob` is the model's, in nats, of the whole hypothesis after the context; `words` are its tokens, the end
    not counted. Scores from other logarithms: multiply log10 by 2.302585 first.
    """
    request.check_count("hypotheses", body.hypotheses)
    texts = [one if isinstance(one, InvalidInput) else one.text for one in body.hypotheses]
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
    words = score.token_count - body.eos
    ruled_out = score.logprob == -math.inf and body.lm_weight != 0
    parts: dict[str, float | None] = {
        "score": own_score,
        "lm": None if ruled_out else body.lm_weight * score.logprob if body.lm_weight else 0.0,
        "words": body.word_bonus * words,
        "oov": 0.0 - body.oov_penalty * score.oov_count,
    }
    total = None if ruled_out else sum(part for part in parts.values() if part is not None)
    counts = {"words": words, "token_count": score.token_count, "oov_count": score.oov_count}
    return {"text": score.text, "total": total, "parts": parts} | logprob_fields(score.logprob) | counts


def _sort_key(weighed: dict[str, Any]) -> tuple[bool, float]:
    """Return the sort key: best first, then hypotheses of probability zero, then those with an error."""
    return ("error" in weighed, math.inf if weighed.get("total") is None else -weighed["total"])
