"""The simplest language model there is, exact in any company: a matrix of P(next | last)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from models.errors import CheckpointDamaged
from models.language_model import LanguageModel
from models.model import Floats, Lengths, Tensors, TokenIds
from models.special_tokens import EOS
from models.state import State


class Bigram(LanguageModel):
    """A state is the last token [B]; row V of the matrix [V + 1, V] is for having read nothing."""

    kind: ClassVar[str] = "toy"

    def __init__(self, probabilities: ArrayLike) -> None:
        with np.errstate(divide="ignore"):
            self.matrix = np.log(np.asarray(probabilities, np.float32))
        self.vocabulary_size = self.matrix.shape[1]

    @classmethod
    def random(cls, vocabulary_size: int, seed: int = 0) -> Self:
        """Rows drawn from a Dirichlet distribution, uneven enough to be told apart."""
        weights = np.random.default_rng(seed).random((vocabulary_size + 1, vocabulary_size)) ** 4
        return cls(weights / weights.sum(-1, keepdims=True))

    def begin_state(self, rows: int) -> State:
        return np.full(rows, EOS)

    def null_state(self, rows: int) -> State:
        return np.full(rows, self.vocabulary_size)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> State:
        read = np.concatenate([state[:, None], tokens], 1)
        ends = np.full(len(tokens), tokens.shape[1]) if lengths is None else lengths
        return np.take_along_axis(read, ends[:, None], 1)[:, 0]

    def logprobs(self, state: State) -> Floats:
        return self.matrix[state]

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, State]:
        scores = self.matrix[np.concatenate([state[:, None], tokens[:, :-1]], 1)[:, : tokens.shape[1]], tokens]
        if lengths is not None:
            scores[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return scores, self.advance(state, tokens, lengths)

    def config(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> Tensors:
        return {"matrix": self.matrix}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        if config:
            raise ValueError(f"unknown settings {sorted(config)}")
        matrix = tensors.get("matrix", np.zeros(0, np.bool_))
        if matrix.shape != (vocabulary_size + 1, vocabulary_size) or matrix.dtype != np.float32:
            raise CheckpointDamaged(f"not one matrix of {vocabulary_size} columns")
        model = cls.__new__(cls)
        model.matrix, model.vocabulary_size = matrix, vocabulary_size
        return model
