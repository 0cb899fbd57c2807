"""Surprisal, entropy, rank and P of a word's end in the places of a text's tokens."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from models.inference.alternatives import NUMBERS_AT_ONCE, ROWS_AT_ONCE
from models.language_model import LanguageModel
from models.model import Floats
from models.state import State, concat
from models.utils.arrays import Float64Array, Int64Array

BITS = 1 / math.log(2)
"""Bits in a nat."""


class Distributions(NamedTuple):
    """Figures of the distributions in the places of T tokens, in bits.

    surprisals: [T] -log2 P(token | all before it), inf for a probability of zero.
    entropies: [T] sum of -P log2 P over the vocabulary, before the token.
    ranks: [T] how many tokens are more probable in the place, and one.
    boundaries: [T + 1] -log2 P(a word begins here | all before), after the last token too; None for models of words.
    orders: [T] length of the n-gram that gives each token its probability; None where there is none.
    """

    surprisals: Float64Array
    entropies: Float64Array
    ranks: Int64Array
    boundaries: Float64Array | None
    orders: Int64Array | None


def read_distributions(
    model: LanguageModel, state: State, ids: Int64Array, boundary_tokens: Int64Array | None
) -> Generator[int, None, Distributions]:
    """Read tokens `ids` [T] from a one-row state; yields the number of tokens of each step.

    boundary_tokens: ids of the tokens before which a word ends; None where each token is a word.
    """
    size = max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // model.vocabulary_size))
    parts = [_measure(np.empty((0, model.vocabulary_size), np.float32), ids[:0], boundary_tokens)]
    orders = [ids[:0]]
    for start in range(0, len(ids), size):
        chunk, states = ids[start : start + size], [state]
        orders.append(model.matched_orders(state, chunk[None])[0])
        for token in chunk:
            states.append(model.advance(states[-1], token.reshape(1, 1)))
        state = states.pop()
        parts.append(_measure(model.logprobs(concat(states)), chunk, boundary_tokens))
        yield len(chunk)
    last = None if boundary_tokens is None else _boundary_surprisals(model.logprobs(state), boundary_tokens)
    return _join(parts, last)._replace(orders=np.concatenate(orders) if model.has_matched_orders else None)


def _measure(rows: Floats, ids: Int64Array, boundary_tokens: Int64Array | None) -> Distributions:
    """Return the figures of tokens [T] in their distributions [T, V]."""
    own = np.take_along_axis(rows, ids[:, None], 1)
    boundaries = None if boundary_tokens is None else _boundary_surprisals(rows, boundary_tokens)
    ranks = 1 + (rows > own).sum(1)
    # Adding zero makes the -0.0 of what is certain a 0.0.
    return Distributions(own[:, 0].astype(np.float64) * -BITS + 0.0, _entropies(rows) + 0.0, ranks, boundaries, None)


def _entropies(rows: Floats) -> Float64Array:
    """Return the entropy [B] of each distribution [B, V]; a token of probability zero adds nothing."""
    terms = np.exp(rows) * np.where(np.isneginf(rows), 0, rows)
    entropies: Float64Array = terms.sum(-1, dtype=np.float64) * -BITS
    return entropies


def _boundary_surprisals(rows: Floats, boundary_tokens: Int64Array) -> Float64Array:
    """Return -log2 [B] of the sum of P over `boundary_tokens` in each distribution [B, V]."""
    chosen = rows[:, boundary_tokens].astype(np.float64)
    return np.asarray(np.logaddexp.reduce(chosen, -1) * -BITS, np.float64)


def _join(parts: Sequence[Distributions], last: Float64Array | None) -> Distributions:
    """Join the figures of the steps, and P of a word's end after the last token."""
    surprisals, entropies, ranks, boundaries, _ = zip(*parts, strict=True)
    ends = None if last is None else np.concatenate([*boundaries, last])
    return Distributions(np.concatenate(surprisals), np.concatenate(entropies), np.concatenate(ranks), ends, None)
