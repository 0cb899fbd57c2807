"""What every language model is: a start state, a transition, and a distribution per state.

An n-gram model has finitely many states and a recurrent one has vectors; nothing else differs, so everything
above this file (sampling, generation, evaluation, serving) is written once. It knows tensors and token ids;
it does not know text, tokenizers, files or any particular family.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.inference.prefix_cache import PrefixCache

if TYPE_CHECKING:  # whoever chooses has imported it; others should not wait for it
    from models.kernels.sampling import Choice

UNK = 0
"""Id of `<unk>`, an ordinary token."""
EOS = 1
"""Id of `</s>`, the one boundary: context at the start of a text, predicted at its end."""

State: TypeAlias = "NDArray[Any] | tuple[State, ...]"
"""Arrays whose row i belongs to sequence i, nested in tuples at will. Never mutated: an advance makes a new one.

Not tensors: whatever is asked of one, torch gives the interpreter's lock away, and under load a batch has to wait for
it each time, longer than for what was asked."""


class LanguageModel(ABC):
    """An automaton with an output. All log-probabilities are in nats; ids are int64."""

    vocabulary_size: int
    precision: str = "float32"
    """Of the numbers that the computation uses; those of `tensors` are as they are stored."""
    forgets: bool = False
    """Whether reading `</s>` leads to the start state whatever came before, so that lines can be scored as one row."""
    adaptive: bool = False
    """Whether it learns from the text it scores, so that its figures are another contest."""
    quick: bool = False
    """Whether a token takes microseconds and no threads of its own, so that short work is best done on the spot."""
    slice_tokens: int = 1024
    """How many tokens long work scores at a time: some tens of milliseconds, so that short work can go in between.
    Whoever drives the work may change it between two slices."""
    prefixes: PrefixCache[State] | None = None
    """One-row states after prefixes that were read before, for whoever serves the model to give it."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The family's name, as cards and configs write it; a class attribute will do."""

    @abstractmethod
    def start(self, rows: int) -> State:
        """The state of `rows` sequences that have read only the boundary token."""

    @abstractmethod
    def blank(self, rows: int) -> State:
        """The state of `rows` sequences that have read nothing, not even the boundary token.

        The empty context of an n-gram model, the zero vectors of a recurrent one.
        """

    @abstractmethod
    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """The state after reading `tokens` [B, T]; row i reads only its first `lengths[i]` (0 leaves it as it is)."""

    @abstractmethod
    def logprobs(self, state: State) -> Tensor:
        """Log-probabilities of the next token [B, V], float32 nats; each row sums to one. The only definition of P."""

    def choose(self, state: State, choice: Choice) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A token [B] of each next distribution, or what `choosing` has in place of one, and the token's log P [B]."""
        return choice.of(self.logprobs(state).numpy())

    def step(self, state: State, choice: Choice) -> tuple[NDArray[np.int64], NDArray[np.float32], State]:
        """What `choose` finds, and the state after reading it; after any token, where none was found."""
        tokens, logprobs = self.choose(state, choice)
        return tokens, logprobs, self.advance(state, torch.from_numpy(np.maximum(tokens, 0))[:, None])

    def topk(self, state: State, k: int) -> tuple[Tensor, Tensor]:
        """The `k` most probable next tokens: log-probabilities and ids [B, k], best first, ties to the lower id."""
        rows = self.logprobs(state)
        values, ids = rows.topk(min(k, rows.shape[1]))
        if k and bool(((rows >= values[:, -1:]).sum(1) > values.shape[1]).any()):
            # The last place is shared with tokens that were left out, and torch.topk leaves out any of them.
            ordered = torch.sort(rows, dim=-1, descending=True, stable=True)
            return ordered.values[:, :k], ordered.indices[:, :k]
        ids, by_id = ids.sort(1)
        values, by_value = values.gather(1, by_id).sort(dim=1, descending=True, stable=True)
        return values, ids.gather(1, by_value)

    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Log P(token | what came before) [B, T] in nats, and the state after; positions past `lengths` hold 0."""
        columns = []
        for t in range(tokens.shape[1]):
            token = tokens[:, t : t + 1]
            column = self.logprobs(state).gather(1, token)
            if lengths is None:
                state = self.advance(state, token)
            else:
                column = column.masked_fill((lengths <= t)[:, None], 0.0)
                state = self.advance(state, token, (lengths - t).clamp(0, 1))
            columns.append(column)
        return torch.cat(columns, 1) if columns else torch.zeros(tokens.shape), state

    def explain(self, state: State) -> dict[str, Any]:
        """How the distribution of a one-row state comes about, as JSON-ready data; families say what they can."""
        del state
        return {}

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What the family needs, beside `tensors`, to be built again; JSON-ready."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Every number of the model by name, as it is stored; reading them back gives a bit-equal model."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, config: dict[str, Any], tensors: dict[str, Tensor], vocabulary_size: int) -> Self:
        """The inverse of `config` and `tensors`.

        Raises CheckpointDamaged when a tensor is missing, has another shape or dtype, or does not hang together.
        """

    @property
    def parameters(self) -> int:
        """How many numbers the model holds."""
        return sum(t.numel() for t in self.tensors().values())


def select(state: State, rows: Sequence[int]) -> State:
    """Keep, reorder or duplicate rows: row i of the result is row `rows[i]`. Copies, so no batch is pinned.

    Rows are joined as bytes, as in `concat`: numpy would give the interpreter's lock away for the time of a copy, which
    is short, and might wait for it long.
    """
    if isinstance(state, tuple):
        return tuple(select(part, rows) for part in state)
    every = _rows(state)
    parts = [every[row] for row in rows]
    return _joined(parts, (len(parts), *state.shape[1:]), state.dtype)


def split(state: State) -> list[State]:
    """Each row as a state of its own. Copies, as `select` does."""
    if isinstance(state, tuple):
        return list(zip(*map(split, state), strict=True))
    return [_joined([row], (1, *state.shape[1:]), state.dtype) for row in _rows(state)]


def concat(states: Sequence[State]) -> State:
    """Stack the rows of several states of one model."""
    first = states[0]
    if isinstance(first, tuple):
        return tuple(concat([s[i] for s in states if isinstance(s, tuple)]) for i in range(len(first)))
    parts = [s for s in states if isinstance(s, np.ndarray)]
    return _joined(map(_bytes, parts), (sum(map(len, parts)), *first.shape[1:]), first.dtype)


def _rows(numbers: NDArray[Any]) -> list[memoryview]:
    """The bytes of each."""
    content, size = _bytes(numbers), numbers.itemsize * prod(numbers.shape[1:])
    return [content[size * row : size * (row + 1)] for row in range(len(numbers))]


def _bytes(numbers: NDArray[Any]) -> memoryview:
    return numbers.reshape(-1).view(np.uint8).data


def _joined(parts: Iterable[memoryview], shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    return np.ndarray(shape, kind, bytearray().join(parts))


def rows_of(state: State) -> int:
    """How many sequences a state holds."""
    return rows_of(state[0]) if isinstance(state, tuple) else state.shape[0]
