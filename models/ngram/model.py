"""NgramModel: querying a back-off table. A state is the contexts that what was read ends in, as far as they are listed.

It knows states, batches and distributions. It does not know how tables are estimated, nor text or files.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.ngram import query, top_k
from models.ngram.backoff_table import BackoffTables
from models.ngram.config import NgramConfig
from models.ngram.hash_index import NONE, Index, index_of
from models.ngram.trie import backoff, run
from models.special_tokens import EOS
from models.state import State

MAX_LISTED = 1000
"""Above this many, the best words are found by sorting the whole row."""
MANY = 1 << 13
"""From so many words on it pays to index the pairs and triples before they are scored."""


class NgramModel(LanguageModel):
    """A back-off table read as an automaton. States are int64 [B, N - 1], see `trie`: the contexts backed off along."""

    kind = "ngram"
    forgets = True
    quick = True
    slice_tokens = 65536

    def __init__(self, ngram_config: NgramConfig, tables: BackoffTables) -> None:
        self.ngram_config = ngram_config
        self.tables = tables
        self.vocabulary_size = tables.vocabulary_size
        self._trie = tables.trie

    def start(self, rows: int) -> NDArray[np.int64]:
        """The state of `rows` sequences that have read only `</s>`: nothing but the unigram `</s>` is a context."""
        state = self.blank(rows)
        state[:, :1] = EOS
        return state

    def blank(self, rows: int) -> NDArray[np.int64]:
        """The state of `rows` sequences that have read nothing."""
        return np.full((rows, self.tables.order - 1), -1)

    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> NDArray[np.int64]:
        """See `LanguageModel`; only the last `order - 1` tokens are looked at."""
        paths, (words, ends) = _paths(state).copy(), self._words(tokens, lengths)
        query.read(self._trie, paths, words, ends, query.room(self._trie))
        return paths

    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, NDArray[np.int64]]:
        """See `LanguageModel`; holds no lock of the interpreter."""
        paths, (words, ends) = _paths(state).copy(), self._words(tokens, lengths)
        scores = np.zeros(words.shape, np.float32)
        index = self.index if words.size >= MANY else NONE
        query.score(self._trie, paths, words, ends, scores, query.room(self._trie, index))
        return torch.from_numpy(scores), paths

    def score_ids(self, state: State, ids: NDArray[np.integer[Any]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Log P of each of `ids` [T] after a one-row state, float32 [T], and the state after."""
        scores, after = self.score(state, torch.from_numpy(ids)[None])
        return scores[0].numpy(), after

    def _words(self, tokens: Tensor, lengths: Tensor | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`tokens` [B, T] as the loops are compiled for, and how many of each row are read [B]."""
        words = np.ascontiguousarray(tokens.numpy(), np.int64)
        ends = np.full(len(words), words.shape[1]) if lengths is None else np.ascontiguousarray(lengths.numpy())
        if not query.inside(words, ends, self.vocabulary_size):
            raise InvalidInput("tokens", f"must be ids from 0 to {self.vocabulary_size - 1}")
        return words, ends

    def logprobs(self, state: State) -> Tensor:
        """See `LanguageModel`."""
        paths = _paths(state)
        rows = np.empty((len(paths), self.vocabulary_size), np.float32)
        top_k.rows(self._trie, paths, rows)
        return torch.from_numpy(rows)

    def topk(self, state: State, k: int) -> tuple[Tensor, Tensor]:
        """See `LanguageModel`; looks only at words that a context lists and at the best unigrams."""
        if k > MAX_LISTED:
            return super().topk(state, k)
        paths = _paths(state)
        shape = len(paths), min(k, self.vocabulary_size)
        values, words = np.empty(shape, np.float32), np.empty(shape, np.int64)
        if k:
            top_k.topk(self._trie, paths, self.ranked, values, words)
        return torch.from_numpy(values), torch.from_numpy(words)

    @cached_property
    def index(self) -> Index:
        """Where pairs and triples are, for long texts: a fraction of a second's work when it is first asked for."""
        return index_of(self._trie)

    @cached_property
    def ranked(self) -> top_k.Ranked:
        """What a list of the best words is found with."""
        return top_k.rank(self._trie)

    def explain(self, state: State) -> dict[str, Any]:
        """The contexts that a one-row state asks in turn, longest first.

        `matched_order` is the length of the n-grams the longest matched `context` (token ids) lists; `backoff` has
        for each context on the path its `order`, `context`, how many words it has `listed`, and the `weight` (a
        factor, not a logarithm) with which it passes on the words it does not list.
        """
        places = _paths(state)[0].tolist()
        contexts = [self._listing(n, places[n - 1]) for n in range(len(places), 0, -1) if places[n - 1] >= 0]
        unigrams = {"order": 1, "context": [], "listed": self.vocabulary_size, "weight": 1.0}
        path = [c for c in contexts if c["listed"] or c["weight"] != 1.0] + [unigrams]
        return {"matched_order": path[0]["order"], "context": path[0]["context"], "backoff": path}

    def _listing(self, n: int, place: int) -> dict[str, Any]:
        return {
            "order": n + 1,
            "context": self.tables.words(n, place),
            "listed": int(run(self._trie, n, place)[1]),
            "weight": math.exp(backoff(self._trie, n, place)),
        }

    @property
    def parameters(self) -> int:
        """How many probabilities and back-off weights the table holds."""
        return 2 * sum(self.tables.ngrams) - self.tables.ngrams[-1]

    def config(self) -> dict[str, Any]:
        """The fields of `NgramConfig`, and under `estimation` what the smoothing found (discounts, fallbacks)."""
        return {**asdict(self.ngram_config), "prune": list(self.ngram_config.prune), "estimation": self.tables.facts}

    def tensors(self) -> dict[str, Tensor]:
        """The arrays of the table, sharing memory with it."""
        return {name: torch.from_numpy(array) for name, array in self.tables.arrays().items()}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: dict[str, Tensor], vocabulary_size: int) -> Self:
        """See `LanguageModel`; the model reads the memory of `tensors`, mapped files included, without a copy."""
        fields = dict(config)
        facts = fields.pop("estimation", {})
        try:
            ngram_config = NgramConfig(**{**fields, "prune": tuple(fields.get("prune", ()))})
            arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        except (TypeError, InvalidInput) as error:
            raise CheckpointDamaged(f"n-gram model: {error}") from error
        return cls(ngram_config, BackoffTables.from_arrays(arrays, ngram_config.order, vocabulary_size, facts))


def _paths(state: State) -> NDArray[np.int64]:
    if isinstance(state, tuple):
        raise TypeError("an n-gram state is one array")
    return np.ascontiguousarray(state)
