"""A fill-in network: a recurrent encoder, a small network that joins both sides of a token, a softmax.

As in context2vec (Melamud et al. 2016) the context of a token is the vector of the text before it, read from left to
right, and that of the text after it, read from right to left. Neither has read the token itself. An encoder of one
direction makes a network that knows one side alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.errors import InvalidInput
from models.kernels.workspace import WorkspacePool
from models.model import Capability, Floats, TokenIds
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.encoder import Int8Encoder
from models.neural.int8.output import Int8Output
from models.special_tokens import EOS
from models.state import State
from models.tasks.encoder_model import EncoderModel
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.text import Alphabet, pad
from models.utils.arrays import log_softmax, unflagged


class RecurrentFillIn(EncoderModel, FillInModel):
    """A fill-in network; its output layer shares the encoder's embedding.

    With x the vectors of both sides: logits = E (P relu(W x + b)) + o, where E [V, E] is the embedding.
    """

    kind = "fill_in"
    capabilities: frozenset[Capability] = frozenset({"fill", "embed"})

    def __init__(self, settings: FillInConfig, encoder: RecurrentEncoder, head: Mapping[str, Floats]) -> None:
        """Hold an encoder and the arrays of a head, `fill_in_head_shapes`; raises as `check_encoder` does."""
        check_encoder(encoder.architecture)
        super().__init__(encoder, head)
        self.settings = settings
        self._embedding: Floats = encoder.tensors()["embedding"].astype(np.float32, copy=False)

    def contexts(self, texts: Sequence[TokenIds], positions: Sequence[TokenIds]) -> State:
        """See `FillInModel`: the encoder's vectors [N, D] beside each position."""
        tokens, lengths = pad([np.concatenate([[EOS], text]) for text in texts])
        vectors = self.encoder.encode(tokens, lengths)
        rows = np.repeat(np.arange(len(texts)), [len(places) for places in positions])
        # The text begins at 1, behind the boundary: a token's neighbours are at its position, and two after that.
        places = np.concatenate([np.zeros(0, np.int64), *positions])
        return neighbours(self.encoder.architecture, vectors[rows, places], vectors[rows, places + 2])

    def logprobs(self, contexts: State) -> Floats:
        """Return log-probabilities [N, V] of contexts; see `FillInModel`."""
        return self._softmax(self._hidden(contexts))

    @unflagged
    def _hidden(self, contexts: State) -> Floats:
        """Return the units [N, M] that join both sides."""
        # Row by row: the product of a matrix and several vectors may be rounded otherwise than with each alone.
        rows = [self._head["hidden_weight"] @ context + self._head["hidden_bias"] for context in contexts]
        hidden: Floats = np.maximum(np.array(rows, np.float32).reshape(len(rows), -1), np.float32(0))
        return hidden

    @unflagged
    def _softmax(self, hidden: Floats) -> Floats:
        """Return log-probabilities [N, V] of units [N, M]."""
        outputs: Floats = hidden @ self._head["projection"].T
        logits: Floats = outputs @ self._embedding.T
        return log_softmax(logits + self._head["output_bias"])

    @classmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the head's arrays by name, as `EncoderModel` says."""
        return fill_in_head_shapes(FillInConfig(**config["fill_in"]), encoder.architecture, encoder.vocabulary_size)

    @classmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """Build the model of checked arrays, as `EncoderModel` says."""
        del alphabet
        return cls(FillInConfig(**config["fill_in"]), encoder, head)

    def task_config(self) -> dict[str, Any]:
        """Return the task's part of the configuration, as `EncoderModel` says."""
        return {"fill_in": asdict(self.settings)}


class Int8FillIn(RecurrentFillIn):
    """A fill-in network whose encoder and output layer compute in bytes."""

    encoder_class = Int8Encoder

    def __init__(self, settings: FillInConfig, encoder: RecurrentEncoder, head: Mapping[str, Floats]) -> None:
        """Quantize the output layer; see `RecurrentFillIn`."""
        super().__init__(settings, encoder, head)
        projection, bias = self._head["projection"], self._head["output_bias"]
        self._output = Int8Output(self._embedding, bias, projection, WorkspacePool())
        del self._embedding  # copied into bytes; the encoder reads its own

    def _softmax(self, hidden: Floats) -> Floats:
        return self._output.logprobs(hidden)


def check_encoder(config: EncoderConfig) -> None:
    """Raise InvalidInput for an encoder whose vectors of one side may have read the other, or characters."""
    if config.direction == "both" and config.layers > 1 and not config.separate:
        message = "must be true for several layers, whose upper ones would read the word that is to be told"
        raise InvalidInput("separate", message)
    if config.reads_characters:
        raise InvalidInput("character_embedding_size", "must be 0: a fill-in network reads words by their ids")


def fill_in_head_shapes(
    settings: FillInConfig, encoder: EncoderConfig, vocabulary_size: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a fill-in network's head, by name."""
    return {
        "hidden_weight": (settings.mlp_size, encoder.vector_size),
        "hidden_bias": (settings.mlp_size,),
        "projection": (encoder.embedding_size, settings.mlp_size),
        "output_bias": (vocabulary_size,),
    }


def neighbours(config: EncoderConfig, before: Floats, after: Floats) -> Floats:
    """Join the forward vectors `before` each token and the backward ones `after` it, all [N, D]."""
    parts = {"forward": before[:, : config.hidden_size], "backward": after[:, -config.hidden_size :]}
    return np.concatenate([parts[direction] for direction in config.directions], 1)
