"""The simplest language model there is, exact in any company: a matrix of P(next | last)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from models.errors import CheckpointDamaged
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.state import State


class Bigram(LanguageModel):
    """A state is the last token [B]; row V of the matrix [V + 1, V] is for having read nothing."""

    kind: ClassVar[str] = "toy"

    def __init__(self, probabilities: Tensor) -> None:
        self.matrix = probabilities.log()
        self.vocabulary_size = probabilities.shape[1]

    @classmethod
    def random(cls, vocabulary_size: int, seed: int = 0) -> Self:
        """Rows drawn from a Dirichlet distribution, uneven enough to be told apart."""
        weights = torch.rand((vocabulary_size + 1, vocabulary_size), generator=torch.Generator().manual_seed(seed)) ** 4
        return cls(weights / weights.sum(-1, keepdim=True))

    def begin_state(self, rows: int) -> State:
        return np.full(rows, EOS)

    def null_state(self, rows: int) -> State:
        return np.full(rows, self.vocabulary_size)

    def advance(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> State:
        read = torch.cat([torch.from_numpy(state)[:, None], tokens], 1)
        ends = torch.full((len(tokens),), tokens.shape[1]) if lengths is None else lengths
        return read.gather(1, ends[:, None])[:, 0].numpy()

    def logprobs(self, state: State) -> Tensor:
        return self.matrix[state]

    def score(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        scores = self.matrix[torch.cat([torch.from_numpy(state)[:, None], tokens[:, :-1]], 1), tokens]
        if lengths is not None:
            scores = scores.masked_fill(torch.arange(tokens.shape[1]) >= lengths[:, None], 0.0)
        return scores, self.advance(state, tokens, lengths)

    def config(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> dict[str, Tensor]:
        return {"matrix": self.matrix}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: dict[str, Tensor], vocabulary_size: int) -> Self:
        if config:
            raise ValueError(f"unknown settings {sorted(config)}")
        matrix = tensors.get("matrix", torch.zeros(0, dtype=torch.bool))
        if matrix.shape != (vocabulary_size + 1, vocabulary_size) or matrix.dtype != torch.float32:
            raise CheckpointDamaged(f"not one matrix of {vocabulary_size} columns")
        model = cls.__new__(cls)
        model.matrix, model.vocabulary_size = matrix, vocabulary_size
        return model
