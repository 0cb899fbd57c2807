"""Contexts to their next tokens, as the generator of slices that the engine drives.

It knows what is asked of a distribution and how it is told. It does not know HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from itertools import pairwise, starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from orjson import Fragment

from app.http.responses import Column, Objects
from app.schemas.base import logprob_fields, zero_probability
from app.schemas.next import NextRequest
from models.checkpoint.load import Checkpoint
from models.inference.prefill import Runtime, prefill
from models.language_model import Floats, LanguageModel, TokenIds
from models.special_tokens import EOS
from models.state import State, row_count, select
from models.tokenization.encoding import BatchEncoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import top_k

SPECIAL = EOS + 1
"""How many tokens are special."""
MAX_LISTED = 1000
"""Above this many tokens, whole distributions are sorted."""
ROWS_AT_ONCE = 32
"""Contexts whose whole distributions are in memory at a time."""


def predict(
    checkpoint: Checkpoint, contexts: list[str], body: NextRequest, runtime: Runtime | None = None
) -> Generator[object, None, list[Any]]:
    """The result for each context; yields after each slice of reading them."""
    model, results = checkpoint.model, []
    runtime = runtime or Runtime.of(model)
    whole_rows = body.prefix or body.entropy or not 0 < body.top_k < MAX_LISTED
    if len(contexts) == 1 and model.runs_inline and not (whole_rows or body.explain):
        return [_short(model, checkpoint.tokenizer, contexts[0], body)]
    at_once = ROWS_AT_ONCE if whole_rows else max(ROWS_AT_ONCE, runtime.chunk_tokens // ROWS_AT_ONCE)
    for begin in range(0, len(contexts), at_once):
        results += yield from _group(checkpoint, contexts[begin : begin + at_once], body, runtime)
    return results


def _short(model: LanguageModel, tokenizer: Tokenizer, context: str, body: NextRequest) -> dict[str, Any]:
    """The result for one context of an n-gram model, as `_group` finds it, in half the time: no tensors, no batch."""
    read = tokenizer.encode_with_surfaces(context)
    columns = zip(read.surface_forms, read.ids, read.oov, strict=True)
    echo = [{"token": surface, "id": i, "oov": oov} for surface, i, oov in columns]
    values, ids = model.topk_after(read.ids, body.top_k if body.special else body.top_k + SPECIAL, bos=body.bos)
    pairs = [(i, value) for i, value in zip(ids.tolist(), values.tolist(), strict=True) if body.special or i > EOS][
        : body.top_k
    ]
    told, probabilities = _tokens(tokenizer.vocabulary, [i for i, _ in pairs], [value for _, value in pairs])
    return {"context": echo, "next": told, "mass": math.fsum(probabilities)}


def _group(
    checkpoint: Checkpoint, contexts: list[str], body: NextRequest, runtime: Runtime
) -> Generator[object, None, list[dict[str, Any]]]:
    encodings = checkpoint.tokenizer.encode_batch(contexts)
    state = yield from prefill(checkpoint.model, encodings.ids, encodings.ends, runtime, bos=body.bos)
    read = _read(checkpoint.tokenizer, contexts, encodings)
    told = _told(checkpoint, state, body)
    extras = _extras(checkpoint, state, body)
    return [{"context": context, **tokens, **extra} for context, tokens, extra in zip(read, told, extras, strict=True)]


def _read(tokenizer: Tokenizer, contexts: list[str], encodings: BatchEncoding) -> Iterator[Fragment]:
    """Each context as it was cut into tokens."""
    surfaces = tokenizer.batch_surface_forms(contexts, encodings)
    tokens = Objects({"token": surfaces, "id": encodings.ids, "oov": encodings.oov})
    return starmap(tokens.array, pairwise([0, *encodings.ends.tolist()]))


def _told(checkpoint: Checkpoint, state: State, body: NextRequest) -> list[dict[str, Any]]:
    """What is told of each row: the tokens asked for, best first, and their mass."""
    values, ids = _best(checkpoint, state, body)
    shown = _shown(ids, body)
    tokens, probabilities = _objects(checkpoint.tokenizer.vocabulary, ids[shown], values[shown].astype(np.float64))
    bounds = pairwise([0, *shown.sum(1).cumsum().tolist()])
    return [{"next": tokens.array(begin, end), "mass": math.fsum(probabilities[begin:end])} for begin, end in bounds]


def _best(checkpoint: Checkpoint, state: State, body: NextRequest) -> tuple[Floats, TokenIds]:
    """Log-probabilities and ids [B, K], best first, ties to the lower id; two more where special ones go later."""
    model = checkpoint.model
    if body.prefix:
        candidates = checkpoint.tokenizer.ids_with_prefix(body.prefix)
        values, places = top_k(model.logprobs(state)[:, candidates], body.top_k or len(candidates))
        return values, candidates[places]
    spare = 0 if body.special else SPECIAL
    return model.topk(state, min(body.top_k + spare, model.vocabulary_size) if body.top_k else model.vocabulary_size)


def _shown(ids: NDArray[np.int64], body: NextRequest) -> NDArray[np.bool_]:
    """Which of `ids` [B, K] are told of."""
    if body.special or body.prefix or not body.top_k:
        return np.ones(ids.shape, np.bool_)
    ordinary = ids > EOS
    return ordinary & (ordinary.cumsum(1) <= body.top_k)


def _objects(
    vocabulary: list[str], ids: NDArray[np.int64], logprobs: NDArray[np.float64]
) -> tuple[Objects, list[float]]:
    """What `_tokens` tells of each of `ids` [N] and their probabilities, for many."""
    zeros, probabilities = zero_probability(logprobs), np.exp(logprobs)
    columns: dict[str, Column] = {
        "token": [vocabulary[i] for i in ids.tolist()],
        "id": ids,
        "probability": probabilities,
        "logprob": logprobs,
    }
    return Objects(columns, {"zero_probability": zeros}), probabilities.tolist()


def _tokens(vocabulary: list[str], ids: list[int], logprobs: list[float]) -> tuple[list[dict[str, Any]], list[float]]:
    """What is told of each of `ids`, and their probabilities."""
    probabilities: list[float] = np.exp(logprobs).tolist()
    told: list[dict[str, Any]] = [
        {"token": vocabulary[i], "id": i, "probability": probability, "logprob": logprob}
        for i, probability, logprob in zip(ids, probabilities, logprobs, strict=True)
    ]
    if not math.isfinite(sum(logprobs)):
        told = [token | logprob_fields(token["logprob"]) for token in told]
    return told, probabilities


def _extras(checkpoint: Checkpoint, state: State, body: NextRequest) -> list[dict[str, Any]]:
    """Entropy and explanation of each row, where asked for."""
    extras: list[dict[str, Any]] = [{} for _ in range(row_count(state))]
    if body.entropy:
        rows = checkpoint.model.logprobs(state).astype(np.float64)
        # A token of probability zero adds nothing, where floats would say 0 * inf.
        for extra, entropy in zip(extras, (np.exp(rows) * -np.maximum(rows, -1e9)).sum(-1).tolist(), strict=True):
            extra["entropy"] = entropy
    if body.explain:
        for i, extra in enumerate(extras):
            why = checkpoint.model.explain(select(state, [i]))
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
