"""Log-probabilities of many candidates after many states at once: `Candidates`, a step of a decoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from models.errors import InvalidInput
from models.language_model import AnyIds, LanguageModel
from models.model import Floats, TokenIds
from models.state import State, row_count, select
from models.utils.arrays import Int64Array

_NUMBERS_AT_ONCE = 1 << 22
"""Log-probabilities in memory at a time, 16 MB; more states are scored in slices."""


class _Level(NamedTuple):
    """Prefixes of one length, as tokens behind those prefixes of the length before that go on.

    parents: [P] which of those prefixes each extends.
    tokens: [P] its last token.
    inner: [I] which of the P prefixes go on.
    ends: [E] which of them are candidates, and `columns` [E] which ones.
    """

    parents: Int64Array
    tokens: TokenIds
    inner: Int64Array
    ends: Int64Array
    columns: Int64Array


class Candidates:
    """Sequences of tokens, such as the words of a lexicon, that are scored after many states in one call.

    They are kept as a prefix tree, so that what several begin with is read once after each state. An empty sequence has
    log-probability 0. A step for B states and K single tokens costs what `score_pairs` does: for an n-gram model a
    search for each pair, or a row for each state where that is less; for a network one softmax for each state. Longer
    sequences cost as much for each prefix that goes on, and the reading of its last token.

    >>> from models.ngram.config import NgramConfig
    >>> from models.ngram.model import NgramModel
    >>> from models.ngram.smoothing.estimator import estimate_from_tokens
    >>> text = np.array([2, 3, 2, 3, 2, 4, 1], np.int32)
    >>> config = NgramConfig(order=2, smoothing="add_delta", delta=1)
    >>> model = NgramModel(config, estimate_from_tokens(config, text, vocabulary_size=5))
    >>> states = model.advance(model.begin_state(2), np.array([[2], [3]]))
    >>> np.exp(Candidates([[3], [3, 2], [4]]).score(model, states)).round(3)
    array([[0.375, 0.161, 0.25 ],
           [0.143, 0.061, 0.143]], dtype=float32)
    """

    def __init__(self, sequences: Sequence[AnyIds]) -> None:
        """Build the prefix tree of `sequences`, token ids [T] each. Raises InvalidInput for a negative id."""
        self._ids = [tuple(np.asarray(ids, np.int64).tolist()) for ids in sequences]
        tokens = {token for ids in self._ids for token in ids}
        if min(tokens, default=0) < 0:
            raise InvalidInput("candidates", "must be token ids, which are not negative")
        self._largest = max(tokens, default=0)
        self._levels = _build_levels(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def score(self, model: LanguageModel, state: State) -> Floats:
        """Return log P [B, K] in nats of each candidate after each row of `state`.

        Raises InvalidInput for candidates with tokens that the model lacks.
        """
        if self._largest >= model.vocabulary_size:
            raise InvalidInput("candidates", f"must be token ids from 0 to {model.vocabulary_size - 1}")
        rows = row_count(state)
        widest = max((len(level.inner) for level in self._levels), default=1) or 1
        size = max(1, _NUMBERS_AT_ONCE // (widest * model.vocabulary_size))
        parts = [
            self._score(model, select(state, range(begin, min(begin + size, rows)))) for begin in range(0, rows, size)
        ]
        return np.concatenate([np.zeros((0, len(self)), np.float32), *parts])

    def _score(self, model: LanguageModel, state: State) -> Floats:
        """Return log P [B, K], reading the prefix tree level by level."""
        rows = row_count(state)
        scores = np.zeros((rows, len(self)), np.float32)
        before = np.zeros((rows, 1), np.float32)  # log P of the prefixes that go on
        for level in self._levels:
            width = before.shape[1]
            parents = np.arange(rows)[:, None] * width + level.parents
            tokens = np.tile(level.tokens, rows)
            values = before[:, level.parents] + model.score_pairs(state, parents.ravel(), tokens).reshape(rows, -1)
            scores[:, level.columns] = values[:, level.ends]
            if level.inner.size:
                read = np.tile(level.tokens[level.inner], rows)[:, None]
                state = model.advance(select(state, parents[:, level.inner].ravel().tolist()), read)
                before = values[:, level.inner]
        return scores


def _build_levels(sequences: Sequence[tuple[int, ...]]) -> list[_Level]:
    """Return the levels of the prefix tree of `sequences`, that of single tokens first."""
    levels = []
    parents: dict[tuple[int, ...], int] = {(): 0}
    for length in range(1, max(map(len, sequences), default=0) + 1):
        prefixes = dict.fromkeys(ids[:length] for ids in sequences if len(ids) >= length)
        going_on = dict.fromkeys(ids[:length] for ids in sequences if len(ids) > length)
        places = {prefix: place for place, prefix in enumerate(prefixes)}
        columns = [column for column, ids in enumerate(sequences) if len(ids) == length]
        levels.append(
            _Level(
                _int_array(parents[prefix[:-1]] for prefix in prefixes),
                _int_array(prefix[-1] for prefix in prefixes),
                _int_array(places[prefix] for prefix in going_on),
                _int_array(places[sequences[column]] for column in columns),
                _int_array(columns),
            )
        )
        parents = {prefix: place for place, prefix in enumerate(going_on)}
    return levels


def _int_array(numbers: Iterable[int]) -> Int64Array:
    """Return whole numbers of any iterable [N]."""
    return np.array(list(numbers), np.int64)
