"""NgramModel: a back-off table queried through the interface of every language model.

A state is the path of listed contexts that the words so far end in (see `query`). Compiled queries hold no GIL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.model import Floats, Lengths, Tensors, TokenIds
from models.ngram import query, top_k
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.count_table import CountTable
from models.ngram.explanation import explain_path
from models.ngram.hash_index import EMPTY_INDEX, HashIndex, build_index, index_bytes
from models.ngram.query import query_buffers
from models.special_tokens import EOS
from models.state import State
from models.utils.arrays import BoolArray, Int64Array, IntArray

MAX_LISTED_TOP_K = 1000
"""Largest k for which the best words are collected in a list; above it the whole row is sorted."""
EXPLAINED_WORDS = 10
"""Most probable next words whose numbers an explanation tells, after each context: half a millisecond."""
INDEX_MIN_TOKENS = 1 << 13
"""Tokens that are scored at once from which on the hash index is used."""
INDEX_AT_ONCE_BYTES = 1 << 23
"""Size of the hash index up to which it is built when first used: 60 ms for a million n-grams."""
_INDEX_BYTES_PER_TOKEN = 32
"""Bytes of index that are built in the time that the index saves for one token: 235 ns of 420 (45 million n-grams)."""

RANKED_AT_ONCE = 1 << 20
"""Bigrams up to which the first list of best words ranks them; more take a command much longer than a few rows do."""
_WORDS_PER_RANKED_BIGRAM = 16
"""Words of rows that take the time of ranking a bigram, about."""
_PAIRS_PER_WORD = 100
"""Words that a row takes the time of one candidate for: 10,000 take 27 us, 100 candidates 20 (`gutenberg-kn`)."""


class NgramModel(LanguageModel):
    """A back-off table as a language model.

    States are [B, N - 1] int64: the places of the contexts in the trie, -1 where they are not listed, -2 where not so
    much was read.

    >>> from models.ngram.smoothing.estimator import estimate_from_tokens
    >>> config = NgramConfig(order=2, smoothing="witten_bell")
    >>> model = NgramModel(config, estimate_from_tokens(config, np.array([2, 3, 1, 2, 3, 1, 2, 4, 1]), 5))
    >>> values, words = model.topk_after([2], k=2)
    >>> words.tolist()
    [3, 4]
    """

    kind = "ngram"
    resets_at_eos = True
    runs_inline = True
    has_matched_orders = True
    chunk_tokens = 65536
    max_index_bytes = 1 << 62
    """Most memory of the hash index; long texts are scored more slowly without it."""

    def __init__(self, ngram_config: NgramConfig, table: BackoffTable) -> None:
        self.ngram_config = ngram_config
        self.table = table
        self.vocabulary_size = table.vocabulary_size
        self.context_length = table.order - 1
        self._trie = table.trie
        self._read_counts: Callable[[], CountTable] | None = None
        self._unranked_rows = 0
        self._searched_tokens = 0
        self._index_lock = Lock()
        self.has_undefined_contexts = ngram_config.smoothing == "mle"

    def begin_state(self, rows: int) -> NDArray[np.int64]:
        """Return the state of `rows` sequences that have read only `</s>`: its unigram is their one context."""
        state = self.null_state(rows)
        state[:, :1] = EOS
        return state

    def null_state(self, rows: int) -> NDArray[np.int64]:
        """Return the state of `rows` sequences that have read nothing."""
        state = np.empty((rows, self.table.order - 1), np.int64)
        state.fill(query.ABSENT)
        return state

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> NDArray[np.int64]:
        """Return the state after `tokens` [B, T], of which only the last `order - 1` matter."""
        paths, (words, ends) = _as_array(state).copy(), self._checked_tokens(tokens, lengths)
        query.advance(self._trie, paths, words, ends, query_buffers(self._trie))
        return paths

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, NDArray[np.int64]]:
        """Return log P of each of `tokens` [B, T] given those before, 0 past `lengths`, and the state after."""
        paths, (words, ends) = _as_array(state).copy(), self._checked_tokens(tokens, lengths)
        scores = np.zeros(words.shape, np.float32)
        query.score(self._trie, paths, words, ends, scores, query_buffers(self._trie, self._index_for(words.size)))
        return scores, paths

    def _index_for(self, tokens: int) -> HashIndex:
        """Return the hash index where so many tokens are scored with it.

        A large one is built once the tokens so far would have saved the time of building it: fewer, as a file of some
        megabytes has, cost neither that nor its memory. Other threads do without while one builds it.
        """
        if tokens < INDEX_MIN_TOKENS:
            return EMPTY_INDEX
        if "hash_index" in self.__dict__:
            return self.hash_index
        self._searched_tokens += tokens
        if index_bytes(self._trie) > max(INDEX_AT_ONCE_BYTES, _INDEX_BYTES_PER_TOKEN * self._searched_tokens):
            return EMPTY_INDEX
        if not self._index_lock.acquire(blocking=False):
            return EMPTY_INDEX
        try:
            return self.hash_index
        finally:
            self._index_lock.release()

    def score_pairs(self, state: State, rows: IntArray, tokens: TokenIds) -> Floats:
        """See `LanguageModel`; few candidates of a state are looked for one by one, without its whole row."""
        paths = _as_array(state)
        if len(tokens) * _PAIRS_PER_WORD > len(paths) * self.vocabulary_size:
            return super().score_pairs(paths, rows, tokens)
        return self.score(paths[rows], tokens[:, None])[0][:, 0]

    def score_ids(self, state: State, ids: IntArray) -> tuple[Floats, NDArray[np.int64]]:
        """Return log P of each of `ids` [T] after a one-row state, float32 [T], and the state after."""
        scores, after = self.score(state, np.asarray(ids, np.int64)[None])
        return scores[0], after

    def logprobs(self, state: State) -> Floats:
        """Return log P of each next word [B, V], in nats."""
        paths = _as_array(state)
        rows = np.empty((len(paths), self.vocabulary_size), np.float32)
        top_k.write_distributions(self._trie, paths, rows)
        return rows

    def topk(self, state: State, k: int) -> tuple[Floats, TokenIds]:
        """Return the `k` best next words, reading only the children of the contexts and the best unigrams."""
        paths = _as_array(state)
        if k > MAX_LISTED_TOP_K or not self._is_worth_ranking(len(paths)):
            return super().topk(paths, k)
        shape = len(paths), min(k, self.vocabulary_size)
        values, words = np.empty(shape, np.float32), np.empty(shape, np.int64)
        if k:
            top_k.topk(self._trie, paths, self.ranked_ngrams, values, words)
        return values, words

    def _is_worth_ranking(self, rows: int) -> bool:
        """Return whether the bigrams are ranked, or would be in less time than rows have taken."""
        bigrams = self.table.order_sizes[1] if self.table.order > 1 else 0
        if "ranked_ngrams" in self.__dict__ or bigrams < RANKED_AT_ONCE:
            return True
        self._unranked_rows += rows
        return self._unranked_rows * self.vocabulary_size > _WORDS_PER_RANKED_BIGRAM * bigrams

    def warm_up(self) -> None:
        """Build the ranking and a small hash index now, and read the counts: no request then waits for them."""
        _ = self.ranked_ngrams
        if index_bytes(self._trie) <= INDEX_AT_ONCE_BYTES:
            _ = self.hash_index
        if self.counts is not None:
            self.counts.warm_up()

    def attach_counts(self, read: Callable[[], CountTable]) -> None:
        """Let the model tell the counts that it was made of; `read` is called when they are first needed."""
        self._read_counts = read
        self.capabilities |= {"counts"}

    @cached_property
    def counts(self) -> CountTable | None:
        """The counts that the model was published with, if it was. Raises whatever reading them does."""
        return self._read_counts() if self._read_counts else None

    @cached_property
    def hash_index(self) -> HashIndex:
        """Hash index of bigrams and trigrams, for long texts, built when first asked for; empty if too large."""
        return build_index(self._trie) if index_bytes(self._trie) <= self.max_index_bytes else EMPTY_INDEX

    @cached_property
    def ranked_ngrams(self) -> top_k.RankedNgrams:
        """Unigrams and bigrams by falling probability, for `topk`; built when first needed."""
        return top_k.rank_ngrams(self._trie)

    def explain(self, state: State) -> dict[str, Any]:
        """Return the contexts that a one-row state backs off along, and numbers of the best words after each.

        See `explain_path` for the fields. Relative frequencies also say whether the context is an `undefined_context`.
        """
        path, (_, words) = _as_array(state), self.topk(state, EXPLAINED_WORDS)
        explained = explain_path(self.table, self.ngram_config, path[0].tolist(), words[0].tolist(), self.counts)
        if self.has_undefined_contexts:
            explained["undefined_context"] = bool(self.undefined_contexts(path, np.zeros((1, 1), np.int64))[0, 0])
        return explained

    def matched_orders(self, state: State, tokens: TokenIds) -> Int64Array:
        """Return the length of the listed n-gram that each of `tokens` [B, T] takes its probability from."""
        words, _ = self._checked_tokens(tokens, None)
        orders = np.zeros(words.shape, np.int64)
        query.match_orders(self._trie, _as_array(state).copy(), words, orders, query_buffers(self._trie))
        return orders

    def undefined_contexts(self, state: State, tokens: TokenIds) -> BoolArray:
        """Return which of `tokens` [B, T] follow a context h that never occurred: c(h w) / c(h) is 0 / 0.

        Only relative frequencies leave them undefined; the model itself goes on with the longest shorter context.
        """
        marks = np.zeros(tokens.shape, np.bool_)
        if self.has_undefined_contexts:
            words, _ = self._checked_tokens(tokens, None)
            query.mark_undefined(self._trie, _as_array(state).copy(), words, marks, query_buffers(self._trie))
        return marks

    @property
    def normalized(self) -> bool:
        """Whether each distribution sums to one, as those of all tables do that were estimated here."""
        return bool(self.table.details.get("normalized", True))

    @property
    def parameter_count(self) -> int:
        """Number of log-probabilities and back-off weights in the table."""
        return 2 * sum(self.table.order_sizes) - self.table.order_sizes[-1]

    def config(self) -> dict[str, Any]:
        """Return the fields of `NgramConfig`, and as `estimation` the details of the table."""
        return {**asdict(self.ngram_config), "prune": list(self.ngram_config.prune), "estimation": self.table.details}

    def tensors(self) -> Tensors:
        """Return the arrays of the table by name, sharing memory with it."""
        return self.table.arrays()

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model from `config` and `tensors`, whose memory (mapped files, too) is not copied.

        Raises CheckpointDamaged when an array is missing, of another shape or dtype, or unsound.
        """
        fields = dict(config)
        details = fields.pop("estimation", {})
        if not isinstance(details, dict):
            raise CheckpointDamaged("n-gram model: estimation is not an object")
        for name in ("discounts", "weights"):
            if not _are_numbers_by_order(details.get(name, [])):
                raise CheckpointDamaged(f"n-gram model: estimation.{name} is not a list of numbers by order")
        try:
            ngram_config = NgramConfig(**{**fields, "prune": tuple(fields.get("prune", ()))})
        except (TypeError, InvalidInput) as error:
            raise CheckpointDamaged(f"n-gram model: {error}") from error
        return cls(ngram_config, BackoffTable.from_arrays(tensors, ngram_config.order, vocabulary_size, details))

    def _checked_tokens(self, tokens: IntArray, lengths: Lengths | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return `tokens` [B, T] and lengths [B] as int64. Raises InvalidInput for ids outside the vocabulary."""
        words = np.ascontiguousarray(tokens, np.int64)
        ends = np.full(len(words), words.shape[1]) if lengths is None else np.ascontiguousarray(lengths, np.int64)
        if not query.ids_in_range(words, ends, self.vocabulary_size):
            raise InvalidInput("tokens", f"must be ids from 0 to {self.vocabulary_size - 1}")
        return words, ends


def _are_numbers_by_order(values: object) -> bool:
    """Whether a card's value has a number, or several, for each order."""
    rows = [row if isinstance(row, list) else [row] for row in values] if isinstance(values, list) else [[None]]
    return all(type(value) in (int, float) for row in rows for value in row)


def _as_array(state: State) -> NDArray[np.int64]:
    if isinstance(state, tuple):
        raise TypeError("an n-gram state is one array")
    return np.ascontiguousarray(state)
