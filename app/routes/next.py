"""POST /v1/models/{model}/next: which tokens come next, and how probable each is."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import torch
from fastapi import APIRouter
from torch import Tensor

from app.answers import Json
from app.call import Call, ModelCall
from app.schemas.base import logprob_fields
from app.schemas.next import NextAnswer, NextBatch, NextRequest
from models.base import EOS, State, rows_of, select
from models.checkpoint import Checkpoint
from models.errors import InvalidInput
from models.scoring import read_rows

router = APIRouter(prefix="/v1/models", tags=["predict"])
CONTEXTS_AT_ONCE = 32


@router.post("/{model}/next", response_model=NextAnswer | NextBatch, summary="Predict the next token")
async def predict_next(call: ModelCall, body: NextRequest) -> Json:
    """The most probable next tokens after a context, or after each of several.

    Probabilities are the model's own: they are not scaled up to make those shown sum to one.
    """
    contexts = [body.context] if isinstance(body.context, str) else body.context
    results = await call.run(_predict(call.checkpoint, contexts, body), _cost(call, contexts, body))
    if isinstance(body.context, str):
        return Json({"model": call.served.id} | results[0])
    return Json({"model": call.served.id, "results": results})


def _cost(call: Call, contexts: list[str], body: NextRequest) -> int:
    """About how many tokens are read and told of; raises InvalidInput where they are too many."""
    call.check_count("context", contexts)
    for context in contexts:
        call.check_context("context", context)
    told = min(body.top_k or call.checkpoint.card.vocabulary_size, call.checkpoint.card.vocabulary_size)
    if len(contexts) * told > call.settings.max_rows:
        raise InvalidInput(
            "top_k", f"{told} tokens for each of {len(contexts)} contexts are more than {call.settings.max_rows} in all"
        )
    return sum(len(context) for context in contexts) // 4 + len(contexts) * told


def _predict(checkpoint: Checkpoint, contexts: list[str], body: NextRequest) -> Generator[object, None, list[Any]]:
    """The result for each context; yields after each slice of reading them."""
    results: list[Any] = []
    for begin in range(0, len(contexts), CONTEXTS_AT_ONCE):
        results += yield from _group(checkpoint, contexts[begin : begin + CONTEXTS_AT_ONCE], body)
    return results


def _group(
    checkpoint: Checkpoint, contexts: list[str], body: NextRequest
) -> Generator[object, None, list[dict[str, Any]]]:
    encodings = [checkpoint.tokenizer.encode(context) for context in contexts]
    state = yield from read_rows(checkpoint.model, [encoding.ids for encoding in encodings], bos=body.bos)
    told = _tokens(checkpoint, state, body)
    extras = _extras(checkpoint, state, body)
    return [
        {"context": _echo(checkpoint, context, encoding.ids.tolist(), encoding.oov.tolist())} | tokens | extra
        for context, encoding, tokens, extra in zip(contexts, encodings, told, extras, strict=True)
    ]


def _echo(checkpoint: Checkpoint, context: str, ids: list[int], oov: list[bool]) -> list[dict[str, Any]]:
    surfaces = checkpoint.tokenizer.tokens(context)
    return [{"token": s, "id": i, "oov": o} for s, i, o in zip(surfaces, ids, oov, strict=True)]


def _tokens(checkpoint: Checkpoint, state: State, body: NextRequest) -> list[dict[str, Any]]:
    """What is told of each row: the tokens asked for, best first, and their mass."""
    values, ids = _best(checkpoint, state, body)
    columns = zip(ids.tolist(), values.tolist(), strict=True)
    told = [list(zip(*column, strict=True)) for column in columns]
    if body.top_k and not body.special and not body.prefix:
        told = [[pair for pair in pairs if pair[0] > EOS][: body.top_k] for pairs in told]
    return [_row(checkpoint.tokenizer.vocabulary, pairs) for pairs in told]


def _best(checkpoint: Checkpoint, state: State, body: NextRequest) -> tuple[Tensor, Tensor]:
    """Log-probabilities and ids [B, K], best first, ties to the lower id; two more where special ones go later."""
    model = checkpoint.model
    if body.prefix:
        candidates = torch.from_numpy(checkpoint.tokenizer.search(body.prefix))
        values, order = model.logprobs(state)[:, candidates].sort(dim=1, descending=True, stable=True)
        count = body.top_k or len(candidates)
        return values[:, :count], candidates[order[:, :count]]
    spare = 0 if body.special else 2
    return model.topk(state, min(body.top_k + spare, model.vocabulary_size) if body.top_k else model.vocabulary_size)


def _row(vocabulary: list[str], pairs: list[tuple[int, float]]) -> dict[str, Any]:
    probabilities = [math.exp(logprob) for _, logprob in pairs]
    told = [
        {"token": vocabulary[i], "id": i, "probability": probability} | logprob_fields(logprob)
        for (i, logprob), probability in zip(pairs, probabilities, strict=True)
    ]
    return {"next": told, "mass": math.fsum(probabilities)}


def _extras(checkpoint: Checkpoint, state: State, body: NextRequest) -> list[dict[str, Any]]:
    """Entropy and explanation of each row, where asked for."""
    extras: list[dict[str, Any]] = [{} for _ in range(rows_of(state))]
    if body.entropy:
        rows = checkpoint.model.logprobs(state).double()
        # A token of probability zero adds nothing, where floats would say 0 * inf.
        for extra, entropy in zip(extras, (rows.exp() * -rows.clamp(min=-1e9)).sum(-1).tolist(), strict=True):
            extra["entropy"] = entropy
    if body.explain:
        for i, extra in enumerate(extras):
            why = checkpoint.model.explain(select(state, torch.tensor([i])))
            extra["explain"] = _in_words(why, checkpoint.tokenizer.vocabulary)
    return extras


def _in_words(why: Any, vocabulary: list[str]) -> Any:
    """An explanation with the ids of every `context` in it as tokens."""
    if isinstance(why, list):
        return [_in_words(part, vocabulary) for part in why]
    if not isinstance(why, dict):
        return why
    return {
        key: [vocabulary[i] for i in value] if key == "context" else _in_words(value, vocabulary)
        for key, value in why.items()
    }
