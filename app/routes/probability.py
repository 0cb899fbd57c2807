"""Route POST /v1/models/{model}/probability: probabilities of texts and of their tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.schemas.base import logprob_fields
from app.schemas.probability import ProbabilityAnswer, ProbabilityRequest, scored_token_contents
from models.errors import InvalidInput
from models.inference.text_scores import TextScores
from models.tokenization.tokenizer import Tokenizer

router = resource_router("score", "/v1/models")


@router.post("/{model}/probability", response_model=ProbabilityAnswer, summary="Score texts")
@raises(*WORK_ERRORS)
async def score_probability(request: InjectedModelRequest, body: ProbabilityRequest) -> OrjsonResponse:
    """Score each text after a context: its probability is the product of its tokens' probabilities."""
    tokenizer = request.checkpoint.tokenizer if body.tokens or body.top_logprobs else None
    texts = _list_texts(request, body)
    _check_alternatives(request, texts, body)
    describe, is_detailed = partial(_describe, tokenizer), tokenizer is not None
    scores = await request.score(
        texts,
        describe,
        context=body.context,
        bos=body.bos,
        eos=body.eos,
        tokens=is_detailed,
        top_logprobs=body.top_logprobs,
    )
    contents = [score if isinstance(score, InvalidInput) else score.content for score in scores]
    results = told_errors(contents, text=body.text)
    return OrjsonResponse(request.served.answer_fields | {"results": results, "total": _total_content(scores)})


def _list_texts(request: ModelRequest, body: ProbabilityRequest) -> Sequence[str | InvalidInput]:
    if isinstance(body.text, str):
        return [body.text]
    request.check_count("text", body.text)
    return body.text


def _check_alternatives(request: ModelRequest, texts: Sequence[str | InvalidInput], body: ProbabilityRequest) -> None:
    """Raise InvalidInput where all tokens together have too many alternatives."""
    size, most = request.checkpoint.card.vocabulary_size, request.settings.max_rows
    count = min(body.top_logprobs, size) * request.estimate_tokens(good_items(texts))
    if count > most:
        raise InvalidInput("top_logprobs", f"{count} tokens in all are more than {most}")


class _ScoredText(NamedTuple):
    """The content of a text's result, and what its total is summed of."""

    content: dict[str, Any]
    total: tuple[float, int, int, int]
    """log P in nats, tokens, those out of vocabulary, undefined contexts."""


def _describe(tokenizer: Tokenizer | None, scores: TextScores) -> list[_ScoredText]:
    """Return the result of each text; with a tokenizer, of its tokens too."""
    totals = [(*total, undefined) for total, undefined in zip(scores.totals(), scores.undefined_counts(), strict=True)]
    scored = [_ScoredText(_score_content(*total) | {"probability": math.exp(total[0])}, total) for total in totals]
    if tokenizer is not None:
        tokens = scored_token_contents(tokenizer.names, scores.scored_tokens(tokenizer))
        for text, (begin, end) in zip(scored, pairwise([0, *scores.encodings.ends.tolist()]), strict=True):
            text.content["tokens"] = tokens[begin:end]
    return scored


def _total_content(scores: Sequence[_ScoredText | InvalidInput]) -> dict[str, Any]:
    """Return the sums over the texts that could be scored, and how many could not."""
    totals = [score.total for score in good_items(scores)]
    content = _score_content(*map(sum, zip((0.0, 0, 0, 0), *totals, strict=True)))
    failed = len(scores) - len(totals)
    return content | {"error_count": failed} if failed else content


def _score_content(logprob: float, token_count: int, oov_count: int, undefined_contexts: int) -> dict[str, Any]:
    content = logprob_fields(logprob) | {"token_count": token_count, "oov_count": oov_count}
    return content | {"undefined_contexts": undefined_contexts} if undefined_contexts else content
