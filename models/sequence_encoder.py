"""The interface of encoders: whole texts in, one vector per token out.

An encoder need not read from left to right, so it has no state and no distribution of the next token. Heads of
`models.tasks` turn its vectors into labels, tags, fillers, answers and embeddings. A recurrent language model is an
encoder too: its vector of a token is the hidden vector after reading it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.model import Floats, Lengths, TokenIds


@dataclass(frozen=True)
class Spelling:
    """Characters of the words of a batch of texts; each distinct word form is there once.

    rows: [B, T] row of each token's form in `characters`; anything for padding.
    characters: [F, C] ids of characters, padded with anything.
    lengths: [F] number of characters of each form, at least 1.
    """

    rows: NDArray[np.int64]
    characters: NDArray[np.int64]
    lengths: NDArray[np.int64]


class SequenceEncoder(ABC):
    """Function from whole texts to vectors; row i depends on its own first `lengths[i]` tokens only."""

    vector_size: int
    """D: numbers in the vector of a token."""

    @abstractmethod
    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None = None) -> Floats:
        """Return the vectors [B, T, D] of token ids [B, T], zero past `lengths` [B].

        `spelling` is given to encoders that read characters, and to no other. A text's vectors are the same whatever
        texts are beside it: to 1e-5 in float32, to the last bit in int8.
        """
