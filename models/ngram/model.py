"""NgramModel: querying a back-off table. A state is the contexts that what was read ends in, as far as they are listed.

It knows states, batches and distributions. It does not know how tables are estimated, nor text or files.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import EOS, LanguageModel, State
from models.ngram import query, top_k
from models.ngram.hash_index import NONE, Index, index_of
from models.ngram.tables import BackoffTables
from models.ngram.trie import backoff, run

MAX_ORDER = 32
"""Longer n-grams than this are refused."""
MAX_LISTED = 1000
"""Above this many, the best words are found by sorting the whole row."""
MANY = 1 << 13
"""From so many words on it pays to index the pairs and triples before they are scored."""

Smoothing = Literal[
    "mle",
    "add_delta",
    "backoff",
    "katz",
    "absolute",
    "witten_bell",
    "jelinek_mercer",
    "interpolated_kneser_ney",
    "kneser_ney",
]


@dataclass(frozen=True)
class NgramConfig:
    """What to estimate. Raises InvalidInput where a value is not acceptable."""

    order: int = 5
    """Length of the longest n-grams, 1 to 32: a word is predicted from the `order - 1` before it."""
    smoothing: Smoothing = "kneser_ney"
    """`mle` (count ratios), `add_delta`, `backoff` (absolute discounting) or `katz` (Good-Turing), which back off, or
    interpolated `absolute`, `witten_bell`, `jelinek_mercer`, `interpolated_kneser_ney` (one discount an order) or
    `kneser_ney` (modified: three)."""
    delta: float = 1.0
    """What `add_delta` adds to every count; above zero."""
    discount: float | None = None
    """What `absolute` and `interpolated_kneser_ney` take from every count, between 0 and 1; without it, each order's is
    estimated."""
    prune: tuple[int, ...] = ()
    """Per order from 1, n-grams that occur this often or less are left out after estimation; the last number holds
    for all higher orders. The first must be 0, and they must not fall. Not for `mle` and `add_delta`."""
    prune_entropy: float = 0.0
    """After that, n-grams whose loss raises the perplexity of the model by less than this share are left out too
    (Stolcke 1998), 1e-8 to 1e-6 as a rule; 0 for none. Not for `mle` and `add_delta`."""
    bits: int = 32
    """Bits of a stored log-probability: 4 to 16, or 32 to keep each as it was estimated. Not for `mle`."""

    def __post_init__(self) -> None:
        if type(self.order) is not int or not 1 <= self.order <= MAX_ORDER:
            raise InvalidInput("order", f"must be a whole number from 1 to {MAX_ORDER}")
        if self.smoothing not in get_args(Smoothing):
            raise InvalidInput("smoothing", f"must be one of {', '.join(get_args(Smoothing))}")
        if not (math.isfinite(self.delta) and self.delta > 0):
            raise InvalidInput("delta", "must be a finite number above zero")
        if self.discount is not None and not 0 < self.discount < 1:
            raise InvalidInput("discount", "must be a number between 0 and 1")
        if self.discount is not None and self.smoothing not in ("absolute", "interpolated_kneser_ney"):
            raise InvalidInput("discount", f"{self.smoothing} has none to be given; leave it out")
        if type(self.bits) is not int or not (4 <= self.bits <= 16 or self.bits == 32):
            raise InvalidInput("bits", "must be a whole number from 4 to 16, or 32")
        if self.bits < 32 and self.smoothing == "mle":
            raise InvalidInput("bits", "must be 32: mle leaves unseen words nothing to make good what rounding changes")
        self._check_prune()

    def _check_prune(self) -> None:
        if any(type(t) is not int or t < 0 for t in self.prune) or list(self.prune) != sorted(self.prune):
            raise InvalidInput("prune", "must be whole numbers that do not fall, 0 or more")
        if len(self.prune) > self.order or tuple(self.prune[:1]) not in ((), (0,)):
            raise InvalidInput("prune", f"must begin with 0, as no word is left out, and hold at most {self.order}")
        if not (math.isfinite(self.prune_entropy) and self.prune_entropy >= 0):
            raise InvalidInput("prune_entropy", "must be a finite number, 0 or more")
        field = "prune" if any(self.prune) else "prune_entropy" if self.prune_entropy else ""
        if field and self.smoothing in ("mle", "add_delta"):
            raise InvalidInput(field, f"{self.smoothing} gives what is left out nowhere to go; use kneser_ney")

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The count above which an n-gram stays, per order from 1."""
        given = tuple(self.prune) or (0,)
        return given + given[-1:] * (self.order - len(given))


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
