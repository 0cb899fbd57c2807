"""What every language model is: a start state, a transition, and a distribution per state.

An n-gram model has finitely many states and a recurrent one has vectors; nothing else differs, so everything
above this file (sampling, generation, evaluation, serving) is written once. It knows tensors and token ids;
it does not know text, tokenizers, files or any particular family.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.inference.prefix_cache import PrefixCache
from models.state import State

if TYPE_CHECKING:  # whoever chooses has imported it; others should not wait for it
    from models.kernels.sampling import SamplingMetadata


class LanguageModel(ABC):
    """An automaton with an output. All log-probabilities are in nats; ids are int64."""

    vocabulary_size: int
    precision: str = "float32"
    """Of the numbers that the computation uses; those of `tensors` are as they are stored."""
    resets_at_eos: bool = False
    """Whether reading `</s>` leads to the start state whatever came before, so that lines can be scored as one row."""
    adaptive: bool = False
    """Whether it learns from the text it scores, so that its figures are another contest."""
    runs_inline: bool = False
    """Whether a token takes microseconds and no threads of its own, so that short work is best done on the spot."""
    chunk_tokens: int = 1024
    """How many tokens long work scores at a time: some tens of milliseconds, so that short work can go in between.
    Whoever drives the work may change it between two slices."""
    prefixes: PrefixCache[State] | None = None
    """One-row states after prefixes that were read before, for whoever serves the model to give it."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The family's name, as cards and configs write it; a class attribute will do."""

    @abstractmethod
    def begin_state(self, rows: int) -> State:
        """The state of `rows` sequences that have read only the boundary token."""

    @abstractmethod
    def null_state(self, rows: int) -> State:
        """The state of `rows` sequences that have read nothing, not even the boundary token.

        The empty context of an n-gram model, the zero vectors of a recurrent one.
        """

    @abstractmethod
    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        """The state after reading `tokens` [B, T]; row i reads only its first `lengths[i]` (0 leaves it as it is)."""

    @abstractmethod
    def logprobs(self, state: State) -> Tensor:
        """Log-probabilities of the next token [B, V], float32 nats; each row sums to one. The only definition of P."""

    def sample(self, state: State, choice: SamplingMetadata) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A token [B] of each next distribution, or what `choosing` has in place of one, and the token's log P [B]."""
        return choice.sample(self.logprobs(state).numpy())

    def step(self, state: State, choice: SamplingMetadata) -> tuple[NDArray[np.int64], NDArray[np.float32], State]:
        """What `choose` finds, and the state after reading it; after any token, where none was found."""
        tokens, logprobs = self.sample(state, choice)
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
    def parameter_count(self) -> int:
        """How many numbers the model holds."""
        return sum(t.numel() for t in self.tensors().values())
