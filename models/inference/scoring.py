"""Log-probabilities of many rows of tokens: rows of like length share a batch, long rows go in chunks.

`score_texts` scores texts after a context; `score_row`, `score_rows` and `score_flat` score token ids. Padding costs
little because rows are sorted by length, and changes nothing because a model reads only a row's own tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.inference.alternatives import Alternatives, find_alternatives
from models.inference.prediction.predictions import ScoredTokens
from models.inference.prefill import Ids, Runtime, prefill
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.state import State, select
from models.tokenization.encoding import BatchEncoding, Encoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Offsets, concat_rows, padded_indices

Mark = TypeVar("Mark", bound=np.generic)
EndStates: TypeAlias = list[tuple[Offsets, State]]
"""States after rows: row numbers [B], and the states [B, ...] after them, in parts."""
MAX_BATCH_ROWS = 64
"""Rows in one batch; more add memory and no speed."""


@dataclass(frozen=True)
class TextScore:
    """The log-probabilities of one text.

    ids: [T] its tokens, `</s>` last where the end was scored.
    oov: [T] whether the vocabulary lacks the surface form.
    logprobs: [T] log P(token | all before it) in nats, -inf where a model gives no probability.
    undefined: [T] whether the context has no distribution of its own; None where all contexts have.
    orders: [T] length of the n-gram that each token takes its probability from; None unless asked of an n-gram model.
    """

    text: str
    ids: Ids
    oov: NDArray[np.bool_]
    logprobs: Floats
    undefined: NDArray[np.bool_] | None = None
    orders: NDArray[np.int64] | None = None

    @property
    def logprob(self) -> float:
        """Log P of the whole text in nats."""
        return float(self.logprobs.sum(dtype=np.float64))

    def logprob_with_floor(self, floor: float) -> float:
        """Return log P of the text in nats, where a token of probability zero counts as `floor`."""
        return float(self.logprobs[np.isfinite(self.logprobs)].sum(dtype=np.float64)) + floor * self.zero_count

    @property
    def zero_count(self) -> int:
        """Tokens of probability zero."""
        return int(np.isneginf(self.logprobs).sum())

    @property
    def token_count(self) -> int:
        """Tokens scored, the end included where it was."""
        return len(self.ids)

    @property
    def oov_count(self) -> int:
        """Tokens that the vocabulary lacks."""
        return int(self.oov.sum())

    def spelling_logprob(self, tokenizer: Tokenizer) -> float:
        """Return log P of the spellings of the unknown words, in nats: what `logprob` does not charge for."""
        if not self.oov.any():
            return 0.0
        forms = tokenizer.unknown_forms(self.text, Encoding(self.ids, self.oov))
        return float(tokenizer.speller.logprobs(forms).sum())

    def scored_tokens(self, tokenizer: Tokenizer) -> ScoredTokens:
        """Return the tokens with their scores."""
        undefined, orders = (None if marks is None else marks.tolist() for marks in (self.undefined, self.orders))
        shown, logprobs = self.tokens(tokenizer), self.logprobs.tolist()
        return ScoredTokens(shown, self.ids.tolist(), self.oov.tolist(), logprobs, undefined, orders)

    def tokens(self, tokenizer: Tokenizer) -> list[str]:
        """Return the tokens [T] as they are shown: words as the text has them, known or not."""
        surfaces, names = tokenizer.surface_forms(self.text), tokenizer.names
        surfaces += [names.boundary] * (self.token_count - len(surfaces))
        return list(names.of_text(self.ids.tolist(), self.oov.tolist(), surfaces))


@dataclass(frozen=True)
class TextScores:
    """The log-probabilities of N texts.

    logprobs: [T] of the tokens of `encodings`, in nats.
    undefined: [T] whether a token's context has no distribution of its own; None where all contexts have.
    orders: [T] length of the n-gram that each token takes its probability from; None unless asked of an n-gram model.
    alternatives: the most probable tokens in the place of each; None unless asked for.
    """

    texts: Sequence[str]
    encodings: BatchEncoding
    logprobs: Floats
    undefined: NDArray[np.bool_] | None = None
    orders: NDArray[np.int64] | None = None
    alternatives: Alternatives | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[TextScore]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> TextScore:
        """Return the score of text k. Raises IndexError where there is none."""
        encoding, end = self.encodings[k], self.encodings.ends[k]
        part = slice(end - len(encoding.ids), end)
        undefined = None if self.undefined is None else self.undefined[part]
        orders = None if self.orders is None else self.orders[part]
        return TextScore(self.texts[k], encoding.ids, encoding.oov, self.logprobs[part], undefined, orders)

    def totals(self) -> Iterator[tuple[float, int, int]]:
        """Yield log P in nats, the number of tokens, and of those out of vocabulary, for each text."""
        logprobs, oov = self.logprobs.tolist(), self.encodings.oov.tolist()
        for begin, end in pairwise([0, *self.encodings.ends.tolist()]):
            yield sum(logprobs[begin:end]), end - begin, oov[begin:end].count(True)

    def scored_tokens(self, tokenizer: Tokenizer) -> ScoredTokens:
        """Return the tokens of all texts, one text after the other, with all that is known of them."""
        ids, oov = self.encodings.ids.tolist(), self.encodings.oov.tolist()
        shown = tokenizer.names.of_text(ids, oov, tokenizer.batch_surface_forms(self.texts, self.encodings))
        undefined, orders = (None if marks is None else marks.tolist() for marks in (self.undefined, self.orders))
        scored = ScoredTokens(shown, ids, oov, self.logprobs.tolist(), undefined, orders)
        if self.alternatives is None:
            return scored
        _, ranks, best, best_logprobs = self.alternatives
        return scored._replace(ranks=ranks.tolist(), best=best.tolist(), best_logprobs=best_logprobs.tolist())

    def undefined_counts(self) -> list[int]:
        """Return for each text how many of its tokens follow a context without a distribution of its own."""
        if self.undefined is None:
            return [0] * len(self)
        return [int(part.sum()) for part in np.split(self.undefined, self.encodings.ends)[:-1]]


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
