"""Route POST /v1/models/{model}/rescore: n-best hypotheses of a recogniser, ranked with models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.error_responses import to_api_error
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.routes.trades.hypothesis_scores import (
    HypothesisScore,
    ListScores,
    ScoringModel,
    score_lists,
    scoring_models,
)
from app.schemas.base import logprob_fields
from app.schemas.items import Items
from app.schemas.trades.rescore import Hypothesis, HypothesisList, RescoreAnswer, RescoreBatch, RescoreRequest
from models.errors import InvalidInput
from models.evaluation.text_size import word_count

router = resource_router("score", "/v1/models")


@router.post("/{model}/rescore", response_model=RescoreAnswer | RescoreBatch, summary="Rank hypotheses")
@raises(*WORK_ERRORS)
async def rescore(request: InjectedModelRequest, body: RescoreRequest) -> OrjsonResponse:
    """Rank the hypotheses of one n-best list, or of several, by weighted sums.

    A total is `score_weight * score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count`. `logprob` is
    the model's, in nats, of the whole hypothesis after the context, with `zero_logprob` for each token that the model
    gives no probability; `words` are what blanks separate. Each of `models` adds `weight * logprob - oov_penalty *
    oov_count` of its own. Scores from other logarithms: multiply log10 by 2.302585 first.

    One list is sent as `hypotheses`, several as `lists`. A `tune` job finds the weights.
    """
    lists = body.nbest_lists()
    _check_counts(request, lists)
    models = await scoring_models(request, body)
    scores = [await score_lists(model, lists, bos=body.bos, eos=body.eos) for model in models]
    ranked = [
        _rank(item, columns, models, body, "" if body.lists is None else f"lists.{i}.")
        for i, (item, columns) in enumerate(zip(lists, zip(*scores, strict=True), strict=True))
    ]
    if body.lists is not None:
        return OrjsonResponse(request.served.answer_fields | {"lists": told_errors(ranked, lists=body.lists)})
    if isinstance(ranked[0], InvalidInput):
        raise ranked[0]
    return OrjsonResponse(request.served.answer_fields | ranked[0])


def _check_counts(request: ModelRequest, lists: Items[HypothesisList]) -> None:
    """Raise InvalidInput where lists, or hypotheses of all together, are more than the settings allow."""
    request.check_count("lists", lists)
    request.check_count("hypotheses", [text for item in good_items(lists) for text in item.hypotheses])


def _rank(
    item: HypothesisList | InvalidInput,
    columns: Sequence[ListScores],
    models: Sequence[ScoringModel],
    body: RescoreRequest,
    path: str,
) -> dict[str, Any] | InvalidInput:
    """Return the results of a list, best first, or the list's error.

    `columns` are the scores by each model; `path` comes before the names of the list's fields.
    """
    if isinstance(item, InvalidInput):
        return item
    scores = []
    for column in columns:
        if isinstance(column, InvalidInput):
            return column.of_field(path + column.field)
        scores.append(column)
    results = []
    for i, row in enumerate(zip(item.hypotheses, *scores, strict=True)):
        content = _content(row[0], row[1:], models, body)
        results.append({"index": i} | (_told(content, path, i) if isinstance(content, InvalidInput) else content))
    return {"results": sorted(results, key=_sort_key)}


def _told(error: InvalidInput, path: str, index: int) -> dict[str, Any]:
    """Return the content of the error of a hypothesis, named by its index."""
    field = error.field if error.field.startswith("hypotheses.") else f"hypotheses.{index}.{error.field}"
    return to_api_error(error.of_field(path + field)).content()


def _content(
    hypothesis: Hypothesis | InvalidInput,
    scores: Sequence[HypothesisScore | InvalidInput],
    models: Sequence[ScoringModel],
    body: RescoreRequest,
) -> dict[str, Any] | InvalidInput:
    """Return the content of a hypothesis with its scores by each model, or its error."""
    if isinstance(hypothesis, InvalidInput):
        return hypothesis
    good = []
    for score in scores:
        if isinstance(score, InvalidInput):
            return score
        good.append(score)
    return _weighted_content(hypothesis, good, models, body)


def _weighted_content(
    hypothesis: Hypothesis, scores: Sequence[HypothesisScore], models: Sequence[ScoringModel], body: RescoreRequest
) -> dict[str, Any]:
    words = word_count(hypothesis.text)
    parts = {
        "score": 0.0 + body.score_weight * hypothesis.score,
        "lm": models[0].part(scores[0], body.zero_logprob),
        "words": 0.0 + body.word_bonus * words,
        "oov": models[0].oov_part(scores[0]),
    }
    others = list(zip(models[1:], scores[1:], strict=True))
    counts = [model.part(score, body.zero_logprob) + model.oov_part(score) for model, score in others]
    if others:
        parts["models"] = sum(counts)
    content: dict[str, Any] = {"text": hypothesis.text, "total": sum(parts.values()), "parts": parts, "words": words}
    content |= _figures(scores[0])
    if others:
        content["models"] = [
            {"model": model.request.served.id, "part": count} | _figures(score)
            for (model, score), count in zip(others, counts, strict=True)
        ]
    return content


def _figures(score: HypothesisScore) -> dict[str, Any]:
    """Return what a model says of a text."""
    figures = logprob_fields(score.logprob)
    figures["token_count"], figures["oov_count"] = score.token_count, score.oov_count
    if score.zero_count:
        figures["zero_count"] = score.zero_count
    return figures


def _sort_key(content: dict[str, Any]) -> float:
    """Return the sort key: best first, and hypotheses with an error behind all others."""
    total: float = content.get("total", -math.inf)
    return -total
