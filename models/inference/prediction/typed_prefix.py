"""Next tokens that continue what is being typed: `continue_typed` ranks them for many contexts.

What was typed may hold whole tokens, or the end of the context, which more letters may still change. Ranked are the
shortest sequences of tokens that reach its end, by their exact probability after the context:
log P(head, token | context) = log P(head | context) + log P(token | context, head). None begins with another, so the
sum over all of them is P(typed | context), and the quotient P(sequence | context, typed).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from models.inference.prediction.predictions import NextTokenQuery, TypedTokens
from models.language_model import LanguageModel
from models.model import Floats
from models.special_tokens import EOS
from models.state import State, row_count
from models.tokenization.continuations.continuations import Continuation
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array, top_k


class RankedContinuations(NamedTuple):
    """Continuations of what was typed after one context, best first: `NextTokens` without the rest."""

    ids: list[int]
    logprobs: list[float]
    probabilities: list[float]
    typed: TypedTokens


def continue_typed(
    model: LanguageModel,
    tokenizer: Tokenizer,
    state: State,
    typed: str,
    continuations: Sequence[Continuation],
    query: NextTokenQuery,
) -> Generator[int, None, list[RankedContinuations]]:
    """Rank the continuations of `typed` after each row of `state`, as many as `query` wants.

    All of them count for P(typed | context), those that end in a special token as well, wanted or not. Yields the
    number of tokens that were read and predicted for each of `continuations`.
    """
    columns = [np.empty((row_count(state), 0), np.float32)]
    for continuation in continuations:
        columns.append(_sequence_logprobs(model, state, continuation))
        yield row_count(state) * (len(continuation.head) + 1)
    logprobs = np.concatenate(columns, axis=1)
    totals = np.logaddexp.reduce(logprobs, axis=1, initial=-np.inf, dtype=np.float64).tolist()
    ids = np.concatenate([np.empty(0, np.int64), *(continuation.tokens for continuation in continuations)])
    wanted = np.flatnonzero((ids > EOS) | query.special)
    values, places = top_k(logprobs[:, wanted], query.top_k or len(wanted))
    sequences = _look_up(tokenizer, continuations, ids, wanted[places])
    rows = zip(totals, values.astype(np.float64), sequences, strict=True)
    return [
        RankedContinuations(ids, row.tolist(), np.exp(row).tolist(), TypedTokens(typed, total, heads, texts))
        for total, row, (ids, heads, texts) in rows
    ]


def _sequence_logprobs(model: LanguageModel, state: State, continuation: Continuation) -> Floats:
    """Return log P [B, M] of the head and each of the tokens behind it, after each row of `state`."""
    if not continuation.head:
        logprobs: Floats = model.logprobs(state)[:, continuation.tokens]
        return logprobs
    head = np.tile(np.array(continuation.head, np.int64), (row_count(state), 1))
    scores, after = model.score(state, head)
    logprobs = model.logprobs(after)[:, continuation.tokens]
    logprobs += scores.sum(1, keepdims=True)
    return logprobs


def _look_up(
    tokenizer: Tokenizer, continuations: Sequence[Continuation], ids: Int64Array, places: Int64Array
) -> Iterator[tuple[list[int], list[tuple[int, ...]], list[str]]]:
    """Yield ids, heads and texts of the sequences at each row of `places` [B, K].

    `ids`: the last tokens of all sequences, which the places count.
    """
    ends = np.cumsum([len(continuation.tokens) for continuation in continuations], dtype=np.int64)
    for row in places:
        sources = [continuations[i] for i in np.searchsorted(ends, row, "right").tolist()]
        tokens = ids[row].tolist()
        pairs = zip(sources, tokens, strict=True)
        spellings = (source.text + tokenizer.token_bytes(i)[source.hidden :] for source, i in pairs)
        yield tokens, [source.head for source in sources], [text.decode(errors="replace") for text in spellings]
