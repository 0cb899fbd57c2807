"""NgramModel: querying a back-off table. A state is the contexts that what was read ends in, as far as they are listed.

It knows states, batches and distributions. It does not know how tables are estimated, nor text or files.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import Floats, LanguageModel, Lengths, Tensors, TokenIds
from models.ngram import query, top_k
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.hash_index import EMPTY_INDEX, HashIndex, build_index
from models.ngram.trie import backoff, child_range
from models.special_tokens import EOS
from models.state import State

MAX_LISTED_TOP_K = 1000
"""Above this many, the best words are found by sorting the whole row."""
INDEX_MIN_TOKENS = 1 << 13
"""From so many words on it pays to index the pairs and triples before they are scored."""


class NgramModel(LanguageModel):
    """A back-off table read as an automaton. States are int64 [B, N - 1], see `trie`: the contexts backed off along."""

    kind = "ngram"
    resets_at_eos = True
    runs_inline = True
    chunk_tokens = 65536

    def __init__(self, ngram_config: NgramConfig, tables: BackoffTable) -> None:
        self.ngram_config = ngram_config
        self.table = tables
        self.vocabulary_size = tables.vocabulary_size
        self._trie = tables.trie

    def begin_state(self, rows: int) -> NDArray[np.int64]:
        """The state of `rows` sequences that have read only `</s>`: nothing but the unigram `</s>` is a context."""
        state = self.null_state(rows)
        state[:, :1] = EOS
        return state

    def null_state(self, rows: int) -> NDArray[np.int64]:
        """The state of `rows` sequences that have read nothing."""
        return np.full((rows, self.table.order - 1), -1)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> NDArray[np.int64]:
        """See `LanguageModel`; only the last `order - 1` tokens are looked at."""
        paths, (words, ends) = _as_array(state).copy(), self._checked_tokens(tokens, lengths)
        query.advance(self._trie, paths, words, ends, query.query_buffers(self._trie))
        return paths

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, NDArray[np.int64]]:
        """See `LanguageModel`; holds no lock of the interpreter."""
        paths, (words, ends) = _as_array(state).copy(), self._checked_tokens(tokens, lengths)
        scores = np.zeros(words.shape, np.float32)
        index = self.hash_index if words.size >= INDEX_MIN_TOKENS else EMPTY_INDEX
        query.score(self._trie, paths, words, ends, scores, query.query_buffers(self._trie, index))
        return scores, paths

    def score_ids(self, state: State, ids: NDArray[np.integer[Any]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Log P of each of `ids` [T] after a one-row state, float32 [T], and the state after."""
        scores, after = self.score(state, ids[None])
        return scores[0], after

    def _checked_tokens(
        self, tokens: NDArray[np.integer[Any]], lengths: Lengths | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`tokens` [B, T] as the loops are compiled for, and how many of each row are read [B]."""
        words = np.ascontiguousarray(tokens, np.int64)
        ends = np.full(len(words), words.shape[1]) if lengths is None else np.ascontiguousarray(lengths)
        if not query.ids_in_range(words, ends, self.vocabulary_size):
            raise InvalidInput("tokens", f"must be ids from 0 to {self.vocabulary_size - 1}")
        return words, ends

    def logprobs(self, state: State) -> Floats:
        """See `LanguageModel`."""
        paths = _as_array(state)
        rows = np.empty((len(paths), self.vocabulary_size), np.float32)
        top_k.write_distributions(self._trie, paths, rows)
        return rows

    def topk(self, state: State, k: int) -> tuple[Floats, TokenIds]:
        """See `LanguageModel`; looks only at words that a context lists and at the best unigrams."""
        if k > MAX_LISTED_TOP_K:
            return super().topk(state, k)
        paths = _as_array(state)
        shape = len(paths), min(k, self.vocabulary_size)
        values, words = np.empty(shape, np.float32), np.empty(shape, np.int64)
        if k:
            top_k.topk(self._trie, paths, self.ranked_ngrams, values, words)
        return values, words

    @cached_property
    def hash_index(self) -> HashIndex:
        """Where pairs and triples are, for long texts: a fraction of a second's work when it is first asked for."""
        return build_index(self._trie)

    @cached_property
    def ranked_ngrams(self) -> top_k.RankedNgrams:
        """What a list of the best words is found with."""
        return top_k.rank_ngrams(self._trie)

    def warm_up(self) -> None:
        """Build the hash index, which the first long text would otherwise wait for."""
        _ = self.hash_index

    def explain(self, state: State) -> dict[str, Any]:
        """The contexts that a one-row state asks in turn, longest first.

        `matched_order` is the length of the n-grams the longest matched `context` (token ids) lists; `backoff` has
        for each context on the path its `order`, `context`, how many words it has `listed`, and the `weight` (a
        factor, not a logarithm) with which it passes on the words it does not list.
        """
        places = _as_array(state)[0].tolist()
        contexts = [self._describe_context(n, places[n - 1]) for n in range(len(places), 0, -1) if places[n - 1] >= 0]
        unigrams = {"order": 1, "context": [], "listed": self.vocabulary_size, "weight": 1.0}
        path = [c for c in contexts if c["listed"] or c["weight"] != 1.0] + [unigrams]
        return {"matched_order": path[0]["order"], "context": path[0]["context"], "backoff": path}

    def _describe_context(self, n: int, place: int) -> dict[str, Any]:
        return {
            "order": n + 1,
            "context": self.table.ngram_ids(n, place),
            "listed": int(child_range(self._trie, n, place)[1]),
            "weight": math.exp(backoff(self._trie, n, place)),
        }

    @property
    def parameter_count(self) -> int:
        """How many probabilities and back-off weights the table holds."""
        return 2 * sum(self.table.order_sizes) - self.table.order_sizes[-1]

    def config(self) -> dict[str, Any]:
        """The fields of `NgramConfig`, and under `estimation` what the smoothing found (discounts, fallbacks)."""
        return {**asdict(self.ngram_config), "prune": list(self.ngram_config.prune), "estimation": self.table.details}

    def tensors(self) -> Tensors:
        """The arrays of the table, sharing memory with it."""
        return self.table.arrays()

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """See `LanguageModel`; the model reads the memory of `tensors`, mapped files included, without a copy."""
        fields = dict(config)
        facts = fields.pop("estimation", {})
        try:
            ngram_config = NgramConfig(**{**fields, "prune": tuple(fields.get("prune", ()))})
        except (TypeError, InvalidInput) as error:
            raise CheckpointDamaged(f"n-gram model: {error}") from error
        return cls(ngram_config, BackoffTable.from_arrays(tensors, ngram_config.order, vocabulary_size, facts))


def _as_array(state: State) -> NDArray[np.int64]:
    if isinstance(state, tuple):
        raise TypeError("an n-gram state is one array")
    return np.ascontiguousarray(state)
