"""Contexts to their next tokens, as the generator of slices that the engine drives.

It knows what is asked of a distribution and how it is told. It does not know HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from app.schemas.base import logprob_fields
from app.schemas.next import NextRequest
from models import short
from models.base import EOS, State, rows_of, select
from models.checkpoint import Checkpoint
from models.ngram import MAX_LISTED, NgramModel
from models.scoring import read_flat
from models.tokenizer import Encodings, Tokenizer

SPECIAL = EOS + 1
"""How many tokens are special."""
ROWS_AT_ONCE = 32
"""Contexts whose whole distributions are in memory at a time."""


def predict(checkpoint: Checkpoint, contexts: list[str], body: NextRequest) -> Generator[object, None, list[Any]]:
    """The result for each context; yields after each slice of reading them."""
    model, results = checkpoint.model, []
    whole_rows = body.prefix or body.entropy or not 0 < body.top_k < MAX_LISTED
    if len(contexts) == 1 and isinstance(model, NgramModel) and not (whole_rows or body.explain):
        return [_short(model, checkpoint.tokenizer, contexts[0], body)]
    at_once = ROWS_AT_ONCE if whole_rows else max(ROWS_AT_ONCE, model.slice_tokens // ROWS_AT_ONCE)
    for begin in range(0, len(contexts), at_once):
        results += yield from _group(checkpoint, contexts[begin : begin + at_once], body)
    return results


def _short(model: NgramModel, tokenizer: Tokenizer, context: str, body: NextRequest) -> dict[str, Any]:
    """The result for one context of an n-gram model, as `_group` finds it, in half the time: no tensors, no batch."""
    read = tokenizer.read(context)
    columns = zip(read.surfaces, read.ids, read.oov, strict=True)
    echo = [{"token": surface, "id": i, "oov": oov} for surface, i, oov in columns]
    values, ids = short.best(model, read.ids, body.top_k if body.special else body.top_k + SPECIAL, bos=body.bos)
    return {"context": echo} | _row(tokenizer.vocabulary, _shown(ids, values, body))


def _group(
    checkpoint: Checkpoint, contexts: list[str], body: NextRequest
) -> Generator[object, None, list[dict[str, Any]]]:
    encodings = checkpoint.tokenizer.encode_all(contexts)
    state = yield from read_flat(checkpoint.model, encodings.ids, encodings.ends, bos=body.bos)
    read = _read(checkpoint.tokenizer, contexts, encodings)
    told = _told(checkpoint, state, body)
    extras = _extras(checkpoint, state, body)
    return [{"context": context} | tokens | extra for context, tokens, extra in zip(read, told, extras, strict=True)]


def _read(tokenizer: Tokenizer, contexts: list[str], encodings: Encodings) -> Iterator[list[dict[str, Any]]]:
    """Each context as it was cut into tokens."""
    surfaces = tokenizer.surfaces(contexts, encodings)
    columns = zip(surfaces, encodings.ids.tolist(), encodings.oov.tolist(), strict=True)
    told = [{"token": surface, "id": i, "oov": oov} for surface, i, oov in columns]
    return (told[begin:end] for begin, end in pairwise([0, *encodings.ends.tolist()]))


def _told(checkpoint: Checkpoint, state: State, body: NextRequest) -> list[dict[str, Any]]:
    """What is told of each row: the tokens asked for, best first, and their mass."""
    values, ids = _best(checkpoint, state, body)
    rows = zip(ids.numpy().tolist(), values.numpy().tolist(), strict=True)
    return [_row(checkpoint.tokenizer.vocabulary, _shown(*row, body)) for row in rows]


def _best(checkpoint: Checkpoint, state: State, body: NextRequest) -> tuple[Tensor, Tensor]:
    """Log-probabilities and ids [B, K], best first, ties to the lower id; two more where special ones go later."""
    model = checkpoint.model
    if body.prefix:
        candidates = torch.from_numpy(checkpoint.tokenizer.search(body.prefix))
        values, order = model.logprobs(state)[:, candidates].sort(dim=1, descending=True, stable=True)
        count = body.top_k or len(candidates)
        return values[:, :count], candidates[order[:, :count]]
    spare = 0 if body.special else SPECIAL
    return model.topk(state, min(body.top_k + spare, model.vocabulary_size) if body.top_k else model.vocabulary_size)


def _shown(ids: list[int], logprobs: list[float], body: NextRequest) -> list[tuple[int, float]]:
    """The ids and log-probabilities that are told of those of a row."""
    pairs = list(zip(ids, logprobs, strict=True))
    if body.special or body.prefix or not body.top_k:
        return pairs
    return [pair for pair in pairs if pair[0] > EOS][: body.top_k]


def _row(vocabulary: list[str], pairs: list[tuple[int, float]]) -> dict[str, Any]:
    probabilities = [math.exp(logprob) for _, logprob in pairs]
    told: list[dict[str, Any]] = [
        {"token": vocabulary[i], "id": i, "probability": probability, "logprob": logprob}
        for (i, logprob), probability in zip(pairs, probabilities, strict=True)
    ]
    if not math.isfinite(sum(logprob for _, logprob in pairs)):
        told = [token | logprob_fields(token["logprob"]) for token in told]
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
