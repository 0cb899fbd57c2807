"""NgramModel: querying a back-off table. A state is one integer, the longest listed suffix of what was read.

It knows states, batches and distributions. It does not know how tables are estimated, nor text or files.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import trie
from models.base import EOS, LanguageModel, State
from models.errors import CheckpointDamaged, InvalidInput
from models.tables import BackoffTables

Nodes: TypeAlias = NDArray[np.int64]

MAX_ORDER = 32
"""Longer n-grams than this are refused."""
MAX_LISTED = 1000
"""Above this many, the best words are found by sorting the whole row."""

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
    """A back-off table read as an automaton. States are int64 [B], one node each."""

    kind = "ngram"
    forgets = True
    quick = True
    slice_tokens = 65536

    def __init__(self, ngram_config: NgramConfig, tables: BackoffTables) -> None:
        self.ngram_config = ngram_config
        self.tables = tables
        self.vocabulary_size = tables.vocabulary_size
        self._trie = tables.trie

    def start(self, rows: int) -> Tensor:
        """The state of `rows` sequences that have read only `</s>`: int64 [rows]."""
        return torch.full((rows,), self.start_node, dtype=torch.int64)

    def blank(self, rows: int) -> Tensor:
        """The state of `rows` sequences that have read nothing: int64 [rows], the empty context."""
        return torch.zeros(rows, dtype=torch.int64)

    @cached_property
    def start_node(self) -> int:
        """The state after `</s>`."""
        return self.read_ids(0, np.array([EOS]))

    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """See `LanguageModel`; only the last `order - 1` tokens are looked at."""
        return torch.from_numpy(self._read(_nodes(state), tokens.numpy(), lengths))

    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `LanguageModel`."""
        scores, after = self._score(_nodes(state), tokens.numpy(), lengths)
        return torch.from_numpy(scores), torch.from_numpy(after)

    def read_ids(self, node: int, ids: NDArray[Any]) -> int:
        """The state after `ids` [T], from the state `node`. Raises InvalidInput for ids outside the vocabulary."""
        return int(self._read(np.array([node]), ids[None])[0])

    def score_ids(self, node: int, ids: NDArray[Any]) -> tuple[NDArray[np.float32], int]:
        """Log P of each of `ids` [T] (int32 or int64) in nats, float32 [T], and the state after; from the state `node`.

        Holds no lock of the interpreter. Raises InvalidInput for ids outside the vocabulary.
        """
        scores, after = self._score(np.array([node]), ids[None])
        return scores[0], int(after[0])

    def _read(self, nodes: Nodes, tokens: NDArray[Any], lengths: Tensor | None = None) -> Nodes:
        words, ends = self._words(tokens, lengths)
        after = nodes.copy()
        trie.read(self._trie, after, words, ends, self.tables.order - 1)
        return after

    def _score(
        self, nodes: Nodes, tokens: NDArray[Any], lengths: Tensor | None = None
    ) -> tuple[NDArray[np.float32], Nodes]:
        words, ends = self._words(tokens, lengths)
        after, scores = nodes.copy(), np.zeros(words.shape, np.float32)
        trie.score(self._trie, after, words, ends, scores)
        return scores, after

    def _words(self, tokens: NDArray[Any], lengths: Tensor | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """`tokens` [B, T] as the loops are compiled for, and how many of each row are read [B]."""
        words = np.ascontiguousarray(tokens, np.int64)
        ends = np.full(len(words), words.shape[1]) if lengths is None else np.ascontiguousarray(lengths.numpy())
        if not trie.inside(words, ends, self.vocabulary_size):
            raise InvalidInput("tokens", f"must be ids from 0 to {self.vocabulary_size - 1}")
        return words, ends

    def logprobs(self, state: State) -> Tensor:
        """See `LanguageModel`."""
        nodes = _nodes(state).tolist()
        rows = np.empty((len(nodes), self.vocabulary_size), np.float32)
        for i, node in enumerate(nodes):
            trie.row(self._trie, node, rows[i])
        return torch.from_numpy(rows)

    def topk(self, state: State, k: int) -> tuple[Tensor, Tensor]:
        """See `LanguageModel`; looks only at words that a context lists and at the best unigrams."""
        if k > MAX_LISTED:
            return super().topk(state, k)
        nodes = _nodes(state).tolist()
        shape = len(nodes), min(k, self.vocabulary_size)
        values, words = np.empty(shape, np.float32), np.empty(shape, np.int64)
        for i in range(len(nodes) if k else 0):
            trie.topk(self._trie, nodes[i], self._ranked, values[i], words[i])
        return torch.from_numpy(values), torch.from_numpy(words)

    @cached_property
    def _ranked(self) -> NDArray[np.int64]:
        """All words by falling unigram probability, then rising id."""
        return np.argsort(-self._trie.logprob[1 : 1 + self.vocabulary_size], kind="stable")

    def explain(self, state: State) -> dict[str, Any]:
        """The contexts that a one-row state asks in turn, longest first.

        `matched_order` is the length of the n-grams the longest matched `context` (token ids) lists; `backoff` has
        for each context on the path its `order`, `context`, how many words it has `listed`, and the `weight` (a
        factor, not a logarithm) with which it passes on the words it does not list.
        """
        path = [self._listing(int(node)) for node in trie.contexts(self._trie, int(_nodes(state)[0]))]
        return {"matched_order": path[0]["order"], "context": path[0]["context"], "backoff": path}

    def _listing(self, node: int) -> dict[str, Any]:
        context = self.tables.words(node)
        begin, end = self._trie.children[node : node + 2].tolist()
        weight = math.exp(self._trie.backoff[node])
        return {"order": len(context) + 1, "context": context, "listed": end - begin, "weight": weight}

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


def _nodes(state: State) -> Nodes:
    if not isinstance(state, Tensor):
        raise TypeError("an n-gram state is one tensor")
    nodes: Nodes = state.numpy()
    return nodes
