"""Alternatives to the tokens of texts: the most probable tokens in their places, and ranks."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from models.kernels.best import FEW, best_of_rows
from models.language_model import LanguageModel
from models.model import Floats, TokenIds
from models.state import State, concat
from models.tokenization.encoding import BatchEncoding
from models.utils.arrays import Int64Array, top_k

ROWS_AT_ONCE = 32
"""Complete distributions in memory at a time, at most."""
NUMBERS_AT_ONCE = 1 << 20
"""Log-probabilities in memory at a time, 4 MB: some 10 ms of an n-gram model."""


class Alternatives(NamedTuple):
    """The most probable tokens in the places of T tokens, and how these compare with them.

    logprobs: [T] log P of the tokens themselves, in nats.
    ranks: [T] how many tokens are more probable, and one: the most probable has rank 1.
    best: [T, K] ids of the K most probable tokens, best first, ties by id.
    best_logprobs: [T, K] their log P in nats.
    """

    logprobs: Floats
    ranks: Int64Array
    best: TokenIds
    best_logprobs: Floats


def find_alternatives(
    model: LanguageModel, state: State, encodings: BatchEncoding, k: int
) -> Generator[int, None, Alternatives]:
    """Find the `k` most probable tokens in the place of each token of texts.

    All texts are read from the same one-row state. Yields the number of tokens of each step.
    """
    return (yield from find_alternatives_to_states(model, state, encodings, k))[0]


def find_alternatives_to_states(
    model: LanguageModel, state: State, encodings: BatchEncoding, k: int
) -> Generator[int, None, tuple[Alternatives, list[State]]]:
    """Return what `find_alternatives` does, and the one-row state after each text."""
    end_states: list[State] = []
    rows = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // model.vocabulary_size))
    parts = [_rank(np.empty((0, model.vocabulary_size), np.float32), np.empty(0, np.int64), k)]
    for begin, end in pairwise([0, *encodings.ends.tolist()]):
        after = state
        for start in range(begin, end, rows):
            ids = encodings.ids[start : min(end, start + rows)].astype(np.int64)
            states = []
            for token in ids:
                states.append(after)
                after = model.advance(after, token.reshape(1, 1))
            parts.append(_rank(model.logprobs(concat(states)), ids, k))
            yield len(ids)
        end_states.append(after)
    return Alternatives(*map(np.concatenate, zip(*parts, strict=True))), end_states


def best_tokens(rows: Floats, k: int) -> tuple[Floats, TokenIds]:
    """Return log P and ids [B, K] of the `k` best tokens of each row [B, V], ties by id."""
    return best_of_rows(rows, k) if k <= FEW else top_k(rows, k)


def _rank(rows: Floats, ids: Int64Array, k: int) -> Alternatives:
    """Rank `ids` [T] among the distributions [T, V] in their places."""
    own = np.take_along_axis(rows, ids[:, None], 1)
    best_logprobs, best = best_tokens(rows, k)
    return Alternatives(own[:, 0], 1 + (rows > own).sum(1), best, best_logprobs)
