"""Architecture of a recurrent encoder, as data; loads neither torch nor Numba."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput
from models.neural.config import MAX_LAYERS, Nonlinearity, RecurrentConfig, StoragePrecision

CellKind: TypeAlias = Literal["rnn", "lstm", "gru"]
Direction: TypeAlias = Literal["both", "forward", "backward"]
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward")


@dataclass(frozen=True)
class EncoderConfig:
    """Architecture of a recurrent encoder.

    >>> EncoderConfig("gru", hidden_size=64).vector_size
    128
    >>> EncoderConfig(direction="sideways")
    Traceback (most recent call last):
    models.errors.InvalidInput: direction: one of both, forward, backward is accepted
    """

    cell: CellKind = "lstm"
    nonlinearity: Nonlinearity = "tanh"
    """Nonlinearity of `rnn`; LSTM and GRU use tanh whatever this says."""
    layers: int = 1
    """Layers, one above the other."""
    embedding_size: int = 100
    """Numbers in the vector of a token."""
    hidden_size: int = 128
    """Numbers in the vector of each direction."""
    direction: Direction = "both"
    """Sides from which the text is read: `both`, or `forward` (left to right) or `backward` alone."""
    separate: bool = False
    """Whether the two directions stay apart up to the top, as in ELMo (Peters et al. 2018); otherwise each layer reads
    both directions of the layer below."""
    character_embedding_size: int = 0
    """Numbers in the vector of a character, where words are also read by their characters; 0: they are not."""
    character_hidden_size: int = 25
    """Numbers in each direction of the LSTM over the characters of a word (Lample et al. 2016)."""
    storage: StoragePrecision = "float16"
    """Precision of the matrices on disk; computation is in float32, or in int8. Biases are stored in float32."""

    def __post_init__(self) -> None:
        """Raise InvalidInput for a value that is not accepted."""
        accepted = {"cell": CellKind, "nonlinearity": Nonlinearity, "direction": Direction, "storage": StoragePrecision}
        for name, values in accepted.items():
            if getattr(self, name) not in get_args(values):
                raise InvalidInput(name, f"one of {', '.join(get_args(values))} is accepted")
        for name in ("layers", "embedding_size", "hidden_size", "character_hidden_size", "character_embedding_size"):
            value, least = getattr(self, name), 0 if name == "character_embedding_size" else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidInput(name, f"a whole number of at least {least} is accepted")
        if self.layers > MAX_LAYERS:
            raise InvalidInput("layers", f"a whole number from 1 to {MAX_LAYERS} is accepted")
        if not isinstance(self.separate, bool):
            raise InvalidInput("separate", "true or false is accepted")

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions in which the text is read, `forward` first."""
        return DIRECTIONS if self.direction == "both" else (self.direction,)

    @property
    def vector_size(self) -> int:
        """Numbers in the vector of a token at the top: `hidden_size` for each direction."""
        return self.hidden_size * len(self.directions)

    @property
    def reads_characters(self) -> bool:
        """Whether words are also read by their characters."""
        return self.character_embedding_size > 0

    @property
    def input_size(self) -> int:
        """Numbers in a token's vector below the first layer: its embedding, and that of its characters."""
        return self.embedding_size + (2 * self.character_hidden_size if self.reads_characters else 0)

    def layer_input_size(self, layer: int) -> int:
        """Return how many numbers one direction of a layer reads per token."""
        if layer == 0:
            return self.input_size
        return self.hidden_size if self.separate else self.vector_size

    @property
    def layer_config(self) -> RecurrentConfig:
        """Cell, nonlinearity and size of one layer in one direction."""
        return RecurrentConfig(self.cell, self.nonlinearity, 1, self.embedding_size, self.hidden_size)

    @property
    def character_config(self) -> EncoderConfig:
        """Architecture of the encoder that reads the characters of a word, itself without characters."""
        return EncoderConfig(
            embedding_size=self.character_embedding_size, hidden_size=self.character_hidden_size, storage=self.storage
        )
