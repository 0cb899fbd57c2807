"""Scores of the hypotheses of n-best lists: by one model, `score_lists`, or several, `scoring_models`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from app.engine.isolation import good_items, isolate, merge_errors
from app.routes.dependencies import ModelRequest, build_model_request
from app.schemas.items import Items
from app.schemas.trades.rescore import HypothesisList, RescoreRequest
from models.checkpoint.load import Checkpoint
from models.errors import CheckpointNotFound, InvalidInput, UnsupportedByModel
from models.inference.scoring import TextScore, score_texts

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
    """Score the hypotheses of each list after its context; lists of one context are scored together.

    A context that is too long is the error of its lists. All is one piece of work: many small ones would be done in the
    event loop.
    """
    results: list[ListScores] = [_context_error(request, item) or [] for item in lists]
    by_context: defaultdict[str, list[int]] = defaultdict(list)
    for i, (item, result) in enumerate(zip(lists, results, strict=True)):
        if not isinstance(item, InvalidInput) and not isinstance(result, InvalidInput):
            by_context[item.context].append(i)
    texts = {
        context: [hypothesis for i in members for hypothesis in _texts(lists[i])]
        for context, members in by_context.items()
    }
    tokens = request.estimate_tokens([*texts, *(text for group in texts.values() for text in good_items(group))])
    scores = await request.run(_score_groups(request, texts, bos=bos, eos=eos), tokens)
    for members, group in zip(by_context.values(), scores, strict=True):
        rest = iter(group)
        for i in members:
            results[i] = [next(rest) for _ in _texts(lists[i])]
    return results


def _context_error(request: ModelRequest, item: HypothesisList | InvalidInput) -> InvalidInput | None:
    """Return the error of a list, of its own or of its context, if there is any."""
    if isinstance(item, InvalidInput):
        return item
    try:
        request.check_context("context", item.context)
    except InvalidInput as error:
        return error
    return None


def _texts(item: HypothesisList | InvalidInput) -> list[str | InvalidInput]:
    """Return the texts of a list, with errors in the places of some."""
    if isinstance(item, InvalidInput):
        return []
    return [text if isinstance(text, InvalidInput) else text.text for text in item.hypotheses]


def _score_groups(
    request: ModelRequest, texts: Mapping[str, Sequence[str | InvalidInput]], *, bos: bool, eos: bool
) -> Generator[object, None, list[list[TextScore | InvalidInput]]]:
    """Score the texts after each context as work of the engine; bad ones have errors in their places."""
    results = []
    for context, group in texts.items():
        good = good_items(group)
        scores = (yield from isolate(partial(_score, request, context, bos, eos))(good)) if good else []
        results.append(merge_errors(group, scores))
    return results


def _score(
    request: ModelRequest, context: str, bos: bool, eos: bool, texts: Sequence[str]
) -> Generator[object, None, list[TextScore]]:
    model, tokenizer = request.checkpoint.language_model, request.checkpoint.tokenizer
    work = score_texts(model, tokenizer, texts, context=context, bos=bos, eos=eos, runtime=request.runtime)
    return list((yield from work))
