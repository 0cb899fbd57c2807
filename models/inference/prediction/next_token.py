"""Next-token prediction: the most probable tokens after each of many contexts.

`next_tokens` answers a `NextTokenQuery` as a generator that yields between chunks of work. A batch of contexts is read
together; a single context of a model that answers inline is read and ranked in one call, without building a batch.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.inference.prediction.predictions import ContextTokens, NextTokenQuery, NextTokens, TypedTokens
from models.inference.prediction.typed_prefix import continue_typed
from models.inference.prefill import Runtime, prefill
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.state import State, row_count, select
from models.tokenization.continuations.typed_text import TypedText
from models.tokenization.encoding import BatchEncoding
from models.tokenization.tokenizer import Tokenizer

_Ranked: TypeAlias = tuple[list[int], list[float], list[float], TypedTokens | None]
"""Ids, log-probabilities and probabilities of next tokens, best first, and what was typed before them."""
SPECIAL_COUNT = EOS + 1
"""How many tokens are special: `<unk>` and `</s>` come first in every vocabulary."""
FULL_ROWS_AT_ONCE = 32
"""Contexts whose complete distributions are in memory at a time."""
EXPLAINED_TOKENS = 64
"""Last tokens of a context that an explanation tells of one by one: some 20 ms of two layers of 288 LSTM units."""
MAX_TOP_K = 1000
"""From this k on, complete distributions are computed; below it, models find the best tokens without them."""


def next_tokens(
    model: LanguageModel,
    tokenizer: Tokenizer,
    contexts: Sequence[str],
    query: NextTokenQuery,
    runtime: Runtime | None = None,
) -> Generator[int, None, list[NextTokens]]:
    """Predict the tokens after each context; yields the size of each chunk read, in tokens."""
    runtime = runtime or Runtime.default_for(model)
    is_typed = bool(query.prefix) or any(tokenizer.continuations.is_typed(context, query.heal) for context in contexts)
    full_rows = is_typed or query.entropy or not 0 < query.top_k < MAX_TOP_K
    if len(contexts) == 1 and model.runs_inline and not (full_rows or query.explain or model.has_undefined_contexts):
        return [_predict_inline(model, tokenizer, contexts[0], query)]
    rows = FULL_ROWS_AT_ONCE if full_rows else max(FULL_ROWS_AT_ONCE, runtime.chunk_tokens // FULL_ROWS_AT_ONCE)
    predictions: list[NextTokens] = []
    for begin in range(0, len(contexts), rows):
        texts = [
            tokenizer.continuations.split(text, query.prefix, query.heal) for text in contexts[begin : begin + rows]
        ]
        predictions += yield from _predict_batch(model, tokenizer, texts, query, runtime)
    return predictions


def _predict_inline(model: LanguageModel, tokenizer: Tokenizer, context: str, query: NextTokenQuery) -> NextTokens:
    """Predict after one context in one call of the model; half the time of a batch of one."""
    tokens = tokenizer.encode_with_surfaces(context)
    k = query.top_k if query.special else query.top_k + SPECIAL_COUNT
    logprobs, ids = model.topk_after(tokens.ids, min(k, model.vocabulary_size), bos=query.bos)
    ranked = zip(ids.tolist(), logprobs.tolist(), strict=True)  # for a few tokens lists are faster
    wanted = [pair for pair in ranked if query.special or pair[0] > EOS][: query.top_k]
    values = [logprob for _, logprob in wanted]
    context_tokens = ContextTokens(tokens.surface_forms, tokens.ids, tokens.oov)
    return NextTokens(context_tokens, [i for i, _ in wanted], values, np.exp(values).tolist())


def _predict_batch(
    model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[TypedText], query: NextTokenQuery, runtime: Runtime
) -> Generator[int, None, list[NextTokens]]:
    contexts = [text.context for text in texts]
    encodings = tokenizer.encode_batch(contexts)
    state = yield from prefill(model, encodings.ids, encodings.ends, runtime, bos=query.bos)
    explanations: Sequence[dict[str, Any] | None] = [None] * len(contexts)
    if query.explain:
        explanations = yield from _explain(model, tokenizer, encodings, runtime, bos=query.bos)
    context_tokens = _context_tokens(tokenizer, contexts, encodings)
    ranked = yield from _ranked_tokens(model, tokenizer, state, texts, query)
    undefined = model.undefined_contexts(state, np.zeros((len(contexts), 1), np.int64))[:, 0].tolist()
    rows = zip(context_tokens, ranked, _entropies(model, state, query), undefined, explanations, strict=True)
    return [NextTokens(context, *tokens, *rest) for context, tokens, *rest in rows]


def _context_tokens(tokenizer: Tokenizer, contexts: Sequence[str], encodings: BatchEncoding) -> Iterator[ContextTokens]:
    surface_forms = tokenizer.batch_surface_forms(contexts, encodings)
    ids, oov = encodings.ids.tolist(), encodings.oov.tolist()
    for begin, end in pairwise([0, *encodings.ends.tolist()]):
        yield ContextTokens(surface_forms[begin:end], ids[begin:end], oov[begin:end])


def _ranked_tokens(
    model: LanguageModel, tokenizer: Tokenizer, state: State, texts: Sequence[TypedText], query: NextTokenQuery
) -> Generator[int, None, list[_Ranked]]:
    """Return the wanted tokens of each row with their probabilities, and what was typed before."""
    ranked: dict[int, _Ranked] = {}
    for rows in _rows_alike(texts):
        text, part = texts[rows[0]], state if len(rows) == len(texts) else select(state, rows)
        if text.typed:
            continuations = tokenizer.continuations.find(text, ignore_case=query.ignore_case)
            sequences = yield from continue_typed(model, tokenizer, part, text.typed, continuations, query)
            ranked |= zip(rows, sequences, strict=True)
        else:
            ranked |= zip(rows, _best_tokens(model, part, query), strict=True)
    return [ranked[row] for row in range(len(texts))]


def _rows_alike(texts: Sequence[TypedText]) -> list[list[int]]:
    """Return the rows of texts that the same tokens continue."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, text in enumerate(texts):
        rows.setdefault((text.typed, text.anchor), []).append(row)
    return list(rows.values())


def _best_tokens(model: LanguageModel, state: State, query: NextTokenQuery) -> Iterator[_Ranked]:
    """Yield ids, log-probabilities and probabilities of the wanted tokens of each row, best first."""
    k = query.top_k + (0 if query.special else SPECIAL_COUNT) if query.top_k else model.vocabulary_size
    logprobs, ids = model.topk(state, min(k, model.vocabulary_size))
    wanted = _wanted(ids, query)
    values = logprobs[wanted].astype(np.float64)
    columns = ids[wanted].tolist(), values.tolist(), np.exp(values).tolist()
    for begin, end in pairwise([0, *wanted.sum(1).cumsum().tolist()]):
        yield columns[0][begin:end], columns[1][begin:end], columns[2][begin:end], None


def _wanted(ids: NDArray[np.int64], query: NextTokenQuery) -> NDArray[np.bool_]:
    """Return which of the ranked `ids` [B, K] are wanted."""
    if query.special:
        return np.ones(ids.shape, np.bool_)
    ordinary = ids > EOS
    return ordinary & (ordinary.cumsum(1) <= query.top_k) if query.top_k else ordinary


def _entropies(model: LanguageModel, state: State, query: NextTokenQuery) -> Sequence[float | None]:
    if not query.entropy:
        return [None] * row_count(state)
    rows = model.logprobs(state).astype(np.float64)
    # A token of probability zero contributes nothing, where floats would say 0 * -inf.
    entropies: list[float] = (-(np.exp(rows) * np.maximum(rows, -1e9)).sum(-1)).tolist()
    return entropies


def _explain(
    model: LanguageModel, tokenizer: Tokenizer, encodings: BatchEncoding, runtime: Runtime, *, bos: bool
) -> Generator[int, None, list[dict[str, Any]]]:
    """Read contexts once more, the last tokens of each by itself; return the explanations."""
    rows = np.split(encodings.ids, encodings.ends)[:-1]
    heads = [row[:-EXPLAINED_TOKENS] for row in rows]
    ends = np.cumsum([len(head) for head in heads])
    state = yield from prefill(model, np.concatenate(heads), ends, runtime, bos=bos)
    explanations = []
    for row, (ids, head) in enumerate(zip(rows, heads, strict=True)):
        tail = ids[len(head) :].astype(np.int64)[None]
        explanation = model.explain_reading(select(state, [row]), tail)
        explanations.append(_with_tokens(explanation, tokenizer.names.texts))
        yield tail.size
    return explanations


def _with_tokens(explanation: Any, vocabulary: Sequence[str]) -> Any:
    """Replace ids by tokens in a JSON-ready explanation: every `token`, and each of every `context`."""
    if isinstance(explanation, list):
        return [_with_tokens(part, vocabulary) for part in explanation]
    if not isinstance(explanation, dict):
        return explanation
    replaced = {key: _with_tokens(value, vocabulary) for key, value in explanation.items()}
    if isinstance(explanation.get("token"), int):
        replaced["token"] = vocabulary[explanation["token"]]
    if "context" in explanation:
        replaced["context"] = [vocabulary[i] for i in explanation["context"]]
    return replaced
