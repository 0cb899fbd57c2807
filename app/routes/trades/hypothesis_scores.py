"""Scores of the hypotheses of n-best lists: by one model, `score_lists`, or several, `scoring_models`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.routes.dependencies import ModelRequest, build_model_request
from app.schemas.items import Items
from app.schemas.trades.rescore import HypothesisList, RescoreRequest
from models.checkpoint.load import Checkpoint
from models.errors import CheckpointNotFound, InvalidInput, UnsupportedByModel
from models.inference.scoring import TextScore

ListScores: TypeAlias = list[TextScore | InvalidInput] | InvalidInput
"""Scores of the hypotheses of a list, with errors in the places of some; or the error of the list."""


@dataclass(frozen=True)
class ScoringModel:
    """A model that scores hypotheses, and what its figures count."""

    request: ModelRequest
    weight: float
    """Weight of log P."""
    oov_penalty: float
    """Taken off for each unknown word."""

    def part(self, score: TextScore, floor: float) -> float:
        """Return what the model's figures add to a total; `floor` is log P of a token of probability zero."""
        return self.weight * score.logprob_with_floor(floor) - self.oov_penalty * score.oov_count


def scoring_models(request: ModelRequest, body: RescoreRequest) -> list[ScoringModel]:
    """Return the model of the path and then those of `models`.

    Raises InvalidInput for one that is not there, UnsupportedByModel for one that scores no text.
    """
    _require_language_model(request.checkpoint)
    others = [
        ScoringModel(_find_model(request, f"models.{i}.model", other.model), other.weight, other.oov_penalty)
        for i, other in enumerate(body.models)
    ]
    return [ScoringModel(request, body.lm_weight, body.oov_penalty), *others]


def _find_model(request: ModelRequest, field: str, model: str) -> ModelRequest:
    try:
        found = build_model_request(request.http_request, model)
        _require_language_model(found.checkpoint)
    except CheckpointNotFound as error:
        raise InvalidInput(field, str(error)) from None
    except UnsupportedByModel as error:
        raise error.of_field(field) from None
    return found


def _require_language_model(checkpoint: Checkpoint) -> None:
    """Raise UnsupportedByModel for a model that gives texts no probability."""
    _ = checkpoint.language_model


async def score_lists(request: ModelRequest, lists: Items[HypothesisList], *, bos: bool, eos: bool) -> list[ListScores]:
    """Score the hypotheses of each list after its context; lists of one context are scored together."""
    results: list[ListScores] = [item if isinstance(item, InvalidInput) else [] for item in lists]
    by_context: defaultdict[str, list[tuple[int, HypothesisList]]] = defaultdict(list)
    for i, item in enumerate(lists):
        if not isinstance(item, InvalidInput):
            by_context[item.context].append((i, item))
    for context, members in by_context.items():
        scores = await _score_after(request, context, [item for _, item in members], bos=bos, eos=eos)
        for (i, _), result in zip(members, scores, strict=True):
            results[i] = result
    return results


async def _score_after(
    request: ModelRequest, context: str, lists: Sequence[HypothesisList], *, bos: bool, eos: bool
) -> list[ListScores]:
    """Score lists with the same context. A context that is too long is the error of each."""
    texts = [text if isinstance(text, InvalidInput) else text.text for item in lists for text in item.hypotheses]
    try:
        scores = iter(await request.score(texts, list, context=context, bos=bos, eos=eos))
    except InvalidInput as error:
        return [error] * len(lists)
    return [[next(scores) for _ in item.hypotheses] for item in lists]
