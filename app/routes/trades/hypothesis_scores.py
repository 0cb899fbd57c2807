"""Scores of the hypotheses of n-best lists: by one model, `score_lists`, or several, `scoring_models`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

from app.engine.isolation import good_items, isolate, merge_errors
from app.routes.dependencies import ModelRequest, build_model_request
from app.schemas.items import Items
from app.schemas.trades.rescore import HypothesisList, ModelWeight, RescoreRequest
from models.errors import CheckpointNotFound, InvalidInput, UnsupportedByModel
from models.inference.scoring import score_texts
from models.inference.text_scores import TextScores
from models.language_model import LanguageModel


class HypothesisScore(NamedTuple):
    """Figures of a hypothesis by a model."""

    logprob: float
    """log P in nats, -inf where a token has probability zero."""
    possible_logprob: float
    """log P of the other tokens."""
    zero_count: int
    """Tokens of probability zero."""
    token_count: int
    """Tokens scored, the end of the text included where it was."""
    oov_count: int
    """Tokens that the vocabulary lacks."""


ListScores: TypeAlias = list[HypothesisScore | InvalidInput] | InvalidInput
"""Scores of the hypotheses of a list, with errors in the places of some; or the error of the list."""


@dataclass(frozen=True)
class ScoringModel:
    """A model that scores hypotheses, and what its figures count."""

    request: ModelRequest
    language_model: LanguageModel
    weight: float
    """Weight of log P."""
    oov_penalty: float
    """Taken off for each unknown word."""

    def part(self, score: HypothesisScore, floor: float) -> float:
        """Return what log P adds to a total; `floor` is that of a token of probability zero."""
        return 0.0 + self.weight * (score.possible_logprob + floor * score.zero_count)

    def oov_part(self, score: HypothesisScore) -> float:
        """Return what unknown words add to a total."""
        return 0.0 - self.oov_penalty * score.oov_count


async def scoring_models(request: ModelRequest, body: RescoreRequest) -> list[ScoringModel]:
    """Return the model of the path and then those of `models`.

    Raises InvalidInput for one that is not there, UnsupportedByModel for one that scores no text.
    """
    first = ScoringModel(request, request.checkpoint.language_model, body.lm_weight, body.oov_penalty)
    return [first, *[await _find_model(request, f"models.{i}.model", other) for i, other in enumerate(body.models)]]


async def _find_model(request: ModelRequest, field: str, other: ModelWeight) -> ScoringModel:
    try:
        found = await build_model_request(request.http_request, other.model)
        return ScoringModel(found, found.checkpoint.language_model, other.weight, other.oov_penalty)
    except CheckpointNotFound as error:
        raise InvalidInput(field, str(error)) from None
    except UnsupportedByModel as error:
        raise error.of_field(field) from None


async def score_lists(model: ScoringModel, lists: Items[HypothesisList], *, bos: bool, eos: bool) -> list[ListScores]:
    """Score the hypotheses of each list after its context; lists of one context are scored together.

    A context that is too long is the error of its lists. All is one piece of work: many small ones would be done in the
    event loop.
    """
    request = model.request
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
    scores = await request.run(_score_groups(model, texts, bos=bos, eos=eos), tokens)
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
    model: ScoringModel, texts: Mapping[str, Sequence[str | InvalidInput]], *, bos: bool, eos: bool
) -> Generator[object, None, list[list[HypothesisScore | InvalidInput]]]:
    """Score the texts after each context as work of the engine; bad ones have errors in their places."""
    results = []
    for context, group in texts.items():
        good = good_items(group)
        scores = (yield from isolate(partial(_score, model, context, bos, eos))(good)) if good else []
        results.append(merge_errors(group, scores))
    return results


def _score(
    model: ScoringModel, context: str, bos: bool, eos: bool, texts: Sequence[str]
) -> Generator[object, None, list[HypothesisScore]]:
    tokenizer, runtime = model.request.checkpoint.tokenizer, model.request.runtime
    work = score_texts(model.language_model, tokenizer, texts, context=context, bos=bos, eos=eos, runtime=runtime)
    scores = yield from work
    return [_summarize(scores, k, *total) for k, total in enumerate(scores.totals())]


def _summarize(scores: TextScores, k: int, logprob: float, token_count: int, oov_count: int) -> HypothesisScore:
    """Return the score of text k, of which these are the sums."""
    if logprob > -math.inf:  # nearly always
        return HypothesisScore(logprob, logprob, 0, token_count, oov_count)
    text = scores[k]
    return HypothesisScore(logprob, text.logprob_with_floor(0.0), text.zero_count, token_count, oov_count)
