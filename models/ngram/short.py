"""Short questions to an n-gram model, without tensors: making those takes longer than finding the answer.

It asks the same loops as `NgramModel`, so the numbers are the same to the last bit. It does not know text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram import query, top_k
from models.ngram.model import NgramModel
from models.special_tokens import EOS

Ids: TypeAlias = NDArray[Any] | Sequence[int]


def best(model: NgramModel, context: Ids, k: int, *, bos: bool = True) -> tuple[list[float], list[int]]:
    """The `k` most probable tokens (1 or more, at most V) after `context` [T]: log-probabilities and ids, best first.

    Without `bos` the model has read nothing before. Raises InvalidInput for ids outside the vocabulary.
    """
    path, count = _path(model, bos), min(k, model.vocabulary_size)
    words, lengths = _row(context)
    values, ids = np.empty((1, count), np.float32), np.empty((1, count), np.int64)
    table = model.table.trie
    if not top_k.topk_continuation(
        table, path, words, lengths, model.ranked_ngrams, values, ids, query.query_buffers(table)
    ):
        raise _outside(model)
    return values[0].tolist(), ids[0].tolist()


def score(model: NgramModel, context: Ids, ids: Ids, *, bos: bool = True) -> NDArray[np.float32]:
    """Log P of each of `ids` [T] in nats, after `context` and those before it. Raises as `best`."""
    path, table = _path(model, bos), model.table.trie
    before, length = _row(context)
    words, lengths = _row(ids)
    scores, size = np.empty(words.shape, np.float32), model.vocabulary_size
    if not query.score_continuation(
        table, path, before, length, words, lengths, size, scores, query.query_buffers(table)
    ):
        raise _outside(model)
    return scores.ravel()


def _path(model: NgramModel, bos: bool) -> NDArray[np.int64]:
    """The state that has read nothing [1, N - 1], or only `</s>`."""
    path = np.empty((1, model.table.order - 1), np.int64)
    path.fill(-1)
    if bos:
        path[:, :1] = EOS
    return path


def _row(ids: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`ids` as one row [1, T], and its length [1]."""
    return np.array([ids], np.int64), np.array([len(ids)])


def _outside(model: NgramModel) -> InvalidInput:
    return InvalidInput("tokens", f"must be ids from 0 to {model.vocabulary_size - 1}")
