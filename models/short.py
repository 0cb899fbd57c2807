"""Short questions to an n-gram model, without tensors: making those takes longer than finding the answer.

It asks the same loops as `NgramModel`, so the numbers are the same to the last bit. It does not know text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models import trie
from models.base import EOS
from models.errors import InvalidInput
from models.ngram import NgramModel

Ids: TypeAlias = NDArray[Any] | Sequence[int]


def best(model: NgramModel, context: Ids, k: int, *, bos: bool = True) -> tuple[list[float], list[int]]:
    """The `k` most probable tokens (1 or more, at most V) after `context` [T]: log-probabilities and ids, best first.

    Without `bos` the model has read nothing before. Raises InvalidInput for ids outside the vocabulary.
    """
    path = _read(model, context, bos)
    count = min(k, model.vocabulary_size)
    values, words = np.empty((1, count), np.float32), np.empty((1, count), np.int64)
    trie.topk(model.tables.trie, path, model.ranked, values, words)
    return values[0].tolist(), words[0].tolist()


def score(model: NgramModel, context: Ids, ids: Ids, *, bos: bool = True) -> NDArray[np.float32]:
    """Log P of each of `ids` [T] in nats, after `context` and those before it. Raises as `best`."""
    path = _read(model, context, bos)
    words, lengths = _row(model, ids)
    scores = np.empty(words.shape[1:], np.float32)
    trie.score(model.tables.trie, path, words, lengths, scores[None], trie.room(model.tables.trie))
    return scores


def _read(model: NgramModel, context: Ids, bos: bool) -> NDArray[np.int64]:
    """The state after a context [1, N - 1]."""
    path = np.full((1, model.tables.order - 1), -1)
    if bos:
        path[:, :1] = EOS
    if len(context):
        trie.read(model.tables.trie, path, *_row(model, context), trie.room(model.tables.trie))
    return path


def _row(model: NgramModel, ids: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`ids` as one row [1, T], and its length [1]."""
    words, lengths = np.array([ids], np.int64), np.array([len(ids)])
    if not trie.inside(words, lengths, model.vocabulary_size):
        raise InvalidInput("tokens", f"must be ids from 0 to {model.vocabulary_size - 1}")
    return words, lengths
