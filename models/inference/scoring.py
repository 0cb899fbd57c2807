"""Log-probabilities of many rows of tokens: rows of like length share a batch, long rows go in chunks.

`score_texts` scores texts after a context; `score_row`, `score_rows` and `score_flat` score token ids. Padding costs
little because rows are sorted by length, and changes nothing because a model reads only a row's own tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.inference.alternatives import find_alternatives
from models.inference.prefill import Ids, Runtime, prefill
from models.inference.text_scores import TextScores
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.state import State, select
from models.tokenization.encoding import BatchEncoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Offsets, concat_rows, padded_indices

Mark = TypeVar("Mark", bound=np.generic)
EndStates: TypeAlias = list[tuple[Offsets, State]]
"""States after rows: row numbers [B], and the states [B, ...] after them, in parts."""
MAX_BATCH_ROWS = 64
"""Rows in one batch; more add memory and no speed."""


def score_texts(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    context: str = "",
    bos: bool = True,
    eos: bool = True,
    orders: bool = False,
    top_logprobs: int = 0,
    runtime: Runtime | None = None,
) -> Generator[int, None, TextScores]:
    """Score each text after `context`, which is read and not scored; yields the size of each chunk.

    Without `bos` the model starts as if nothing had been read (`LanguageModel.initial_state`). With `eos` the end of
    each text is scored too. `orders`: an n-gram model tells which n-gram each token takes its probability from;
    `top_logprobs`: how many of the most probable tokens are wanted in the place of each. Raises InvalidText for text
    that is not Unicode.
    """
    runtime = runtime or Runtime.default_for(model)
    before = tokenizer.encode_batch([context]).ids if context else np.zeros(0, np.int32)
    encodings = tokenizer.encode_batch(texts, add_eos=eos)
    is_short = len(texts) == 1 and len(before) + len(encodings.ids) <= runtime.chunk_tokens
    if model.runs_inline and is_short and not (orders or top_logprobs or model.has_undefined_contexts):
        # One call instead of two generators: 16 instead of 38 microseconds for a short text and a 5-gram model.
        return TextScores(texts, encodings, model.score_after(before, encodings.ids, bos=bos))
    state = yield from prefill(model, before, np.array([len(before)]), runtime, bos=bos)
    alternatives, undefined, matched = None, None, None
    if top_logprobs:
        alternatives = yield from find_alternatives(model, state, encodings, top_logprobs)
        scores = alternatives.logprobs  # so that they agree with those of the alternatives to the last bit
    else:
        scores = yield from score_flat(model, state, encodings.ids, encodings.ends, runtime)
    if model.has_undefined_contexts:
        undefined = yield from _mark(model, state, encodings, runtime, model.undefined_contexts)
    if orders and model.has_matched_orders:
        matched = yield from _mark(model, state, encodings, runtime, model.matched_orders)
    return TextScores(texts, encodings, scores, undefined, matched, alternatives)


def _mark(
    model: LanguageModel,
    state: State,
    encodings: BatchEncoding,
    runtime: Runtime,
    mark: Callable[[State, TokenIds], NDArray[Mark]],
) -> Generator[int, None, NDArray[Mark]]:
    """Return what `mark` tells of the tokens of each text [T], all read from the same state."""
    parts = [mark(state, np.empty((1, 0), np.int64))[0]]
    for begin, end in pairwise([0, *encodings.ends.tolist()]):
        after = state
        for start in range(begin, end, runtime.chunk_tokens):
            tokens = encodings.ids[None, start : min(end, start + runtime.chunk_tokens)].astype(np.int64)
            parts.append(mark(after, tokens)[0])
            after = model.advance(after, tokens)
            yield tokens.shape[1]
    return np.concatenate(parts)


def score_row(
    model: LanguageModel, state: State, ids: Ids, runtime: Runtime | None = None
) -> Generator[int, None, tuple[Floats, State]]:
    """Return scores [T] of one long row, and the state after it; yields the size of each chunk in tokens."""
    runtime = runtime or Runtime.default_for(model)
    parts: list[Floats] = []
    begin = 0
    while begin < len(ids):
        tokens = ids[None, begin : begin + runtime.chunk_tokens].astype(np.int64)
        begin += tokens.shape[1]
        scores, state = model.score(state, tokens)
        parts.append(scores[0])
        yield tokens.shape[1]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts]), state


def score_rows(
    model: LanguageModel, state: State, rows: Sequence[Ids], runtime: Runtime | None = None
) -> Generator[int, None, list[Floats]]:
    """Return scores [T_i] of each row, all from the same one-row state; yields the size of each chunk."""
    ids, ends = concat_rows(rows)
    scores = yield from score_flat(model, state, ids, ends, runtime)
    return np.split(scores, ends)[:-1]


def score_flat(
    model: LanguageModel, state: State, ids: Ids, ends: Offsets, runtime: Runtime | None = None
) -> Generator[int, None, Floats]:
    """Score N rows laid end to end in `ids` [T], row i ending before `ends[i]`, as `score_rows` does."""
    return (yield from score_flat_to_states(model, state, ids, ends, runtime))[0]


def score_flat_to_states(
    model: LanguageModel, state: State, ids: Ids, ends: Offsets, runtime: Runtime | None = None
) -> Generator[int, None, tuple[Floats, EndStates]]:
    """Return the scores of `score_flat`, and the states after the rows."""
    runtime = runtime or Runtime.default_for(model)
    if len(ends) == 1:
        scores, after = yield from score_row(model, state, ids, runtime)
        return scores, [(np.zeros(1, np.int64), after)]
    lengths = np.diff(ends, prepend=0)
    scores = np.zeros(len(ids), np.float32)
    empty = np.flatnonzero(lengths == 0)
    end_states: EndStates = [(empty, select(state, [0] * len(empty)))] if len(empty) else []
    for group in _group_by_length(lengths, runtime.chunk_tokens):
        rows, states, begin = group, select(state, [0] * len(group)), 0
        while len(rows):
            width = max(1, runtime.chunk_tokens // len(rows))
            counts = np.minimum(lengths[rows] - begin, width)
            indices, inside = padded_indices((ends - lengths)[rows] + begin, counts)
            chunk, states = model.score(states, ids[indices].astype(np.int64), counts)
            scores[indices[inside]] = chunk[inside]
            yield int(counts.sum())
            begin += width
            is_longer = lengths[rows] > begin
            ended, longer = np.flatnonzero(~is_longer), np.flatnonzero(is_longer)
            if len(ended):
                end_states.append((rows[ended], select(states, ended.tolist())))
            rows, states = rows[longer], select(states, longer.tolist())
    return scores, end_states


def _group_by_length(lengths: Offsets, chunk_tokens: int) -> Iterator[Offsets]:
    """Yield rows of like length, as many together as make a chunk; rows without a token are left out."""
    ascending = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
    begin = 0
    for i, length in enumerate(lengths[ascending].tolist()):
        if i > begin and (i - begin == MAX_BATCH_ROWS or (i - begin + 1) * length > chunk_tokens):
            yield ascending[begin:i]
            begin = i
    if begin < len(ascending):
        yield ascending[begin:]
