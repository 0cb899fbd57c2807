"""Architecture of a recurrent or feed-forward language model, as data.

`RecurrentConfig` is stored in the card of a checkpoint and shared by command line, recipe files and HTTP. It loads
neither torch nor Numba, so that a configuration can be read and checked without the libraries that compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

NetworkKind: TypeAlias = Literal["rnn", "lstm", "gru", "feedforward"]
Nonlinearity: TypeAlias = Literal["tanh", "relu"]
StoragePrecision: TypeAlias = Literal["float32", "float16"]
NetworkFormat: TypeAlias = Literal["onnx"]
"""Formats in which a recurrent model is written for other programs."""

MAX_LAYERS = 100
"""Most layers of a network; a card that asks for more is refused before anything is made."""
LOGITS_PER_SLICE = 2_000_000
"""Numbers in one slice of logits (8 MB): large enough for the matrix product, small enough for the caches."""


@dataclass(frozen=True)
class RecurrentConfig:
    """Architecture of a recurrent or feed-forward language model; `TrainingConfig` says how it is trained.

    >>> RecurrentConfig("gru", layers=1).state_sizes
    (256,)
    >>> RecurrentConfig("feedforward", layers=2)
    Traceback (most recent call last):
    models.errors.InvalidInput: layers: for a feed-forward network, only 1 is accepted
    """

    kind: NetworkKind = "lstm"
    nonlinearity: Nonlinearity = "tanh"
    """Nonlinearity of the Elman and the feed-forward network; LSTM and GRU use tanh whatever this says."""
    layers: int = 2
    """Layers of the network, one above the other."""
    embedding_size: int = 256
    hidden_size: int = 256
    tied: bool = True
    """Whether the output layer uses the embedding matrix (Press and Wolf 2017). Where the two sizes differ, the hidden
    vector is projected to the embedding size first, which also makes a large vocabulary cheaper."""
    storage: StoragePrecision = "float32"
    """Precision of the matrices on disk; computation is in float32. Biases are always stored in float32."""
    window: int = 5
    """How many tokens a feed-forward network sees; it has one layer. Recurrent networks have no such bound."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        for name, accepted in (("kind", NetworkKind), ("nonlinearity", Nonlinearity), ("storage", StoragePrecision)):
            if getattr(self, name) not in get_args(accepted):
                raise InvalidInput(name, f"one of {', '.join(get_args(accepted))} is accepted")
        for name in ("layers", "embedding_size", "hidden_size", "window"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidInput(name, "a whole number of at least 1 is accepted")
        if self.layers > MAX_LAYERS:
            raise InvalidInput("layers", f"a whole number from 1 to {MAX_LAYERS} is accepted")
        if self.kind == "feedforward" and self.layers > 1:
            raise InvalidInput("layers", "for a feed-forward network, only 1 is accepted")

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Sizes of the vectors that a layer carries from token to token.

        The hidden vector; for an LSTM the cell too; for a feed-forward network the W - 1 inputs that it still sees.
        """
        if self.kind == "lstm":
            return self.hidden_size, self.hidden_size
        if self.kind == "feedforward":
            return self.hidden_size, (self.window - 1) * self.embedding_size
        return (self.hidden_size,)
