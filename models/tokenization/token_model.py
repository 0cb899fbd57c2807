"""Interface of the three kinds of tokens (words, characters, parts of words): `TokenModel`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS
from models.utils.arrays import concat_rows


class TokenModel(ABC):
    """Splitter of text into tokens of one kind, with their ids. Immutable, thread-safe."""

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Return the surface forms [T] of `text`, aligned with `encode(text)`."""

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids [T] of all `texts`, concatenated, and the position after the last of each [N].

        `add_eos`: each text ends in `</s>`.
        """
        rows = [self.encode(text) for text in texts]
        return concat_rows([np.append(row, np.int32(EOS)) for row in rows] if add_eos else rows)
