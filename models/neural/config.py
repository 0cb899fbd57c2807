"""The module `models.neural.config`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from models.errors import InvalidInput

NetworkKind: TypeAlias = Literal["rnn", "lstm", "gru", "feedforward"]


Nonlinearity: TypeAlias = Literal["tanh", "relu"]


StoragePrecision: TypeAlias = Literal["float32", "float16"]


RecurrentState: TypeAlias = tuple[Tensor, ...]
"""(h,), for an LSTM (h, c), for a feed-forward network h and what it still sees; each [B, L, H] for a network, [B, H]
for one layer."""


@dataclass(frozen=True)
class RecurrentConfig:
    """The architecture of a recurrent language model; how it is trained is `TrainingConfig`'s to say."""

    kind: NetworkKind = "lstm"
    nonlinearity: Nonlinearity = "tanh"
    """Of the Elman and the feed-forward network; LSTM and GRU use tanh whatever this says."""
    layers: int = 2
    embedding_size: int = 256
    hidden_size: int = 256
    tied: bool = True
    """Whether the output layer uses the embedding matrix (Press and Wolf 2017). Where the two sizes differ, the hidden
    vector is projected to the embedding size first, which also makes a large vocabulary cheaper."""
    storage: StoragePrecision = "float32"
    """Precision of the matrices on disk; computation is in float32. Biases are always stored in float32."""
    window: int = 5
    """How many tokens a feed-forward network sees; it has one layer. Recurrent ones know no such bound."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name, accepted in (("kind", NetworkKind), ("nonlinearity", Nonlinearity), ("storage", StoragePrecision)):
            if getattr(self, name) not in get_args(accepted):
                raise InvalidInput(name, f"one of {', '.join(get_args(accepted))} is accepted")
        for name in ("layers", "embedding_size", "hidden_size", "window"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidInput(name, "a whole number of at least 1 is accepted")
        if self.kind == "feedforward" and self.layers > 1:
            raise InvalidInput("layers", "for a feed-forward network, only 1 is accepted")

    def zero(self, rows: int) -> RecurrentState:
        """The vectors of `rows` sequences that have read nothing."""
        sizes = [self.hidden_size]
        if self.kind == "lstm":
            sizes.append(self.hidden_size)
        elif self.kind == "feedforward":
            sizes.append((self.window - 1) * self.embedding_size)
        return tuple(torch.zeros(rows, self.layers, size) for size in sizes)
