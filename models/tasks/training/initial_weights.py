"""Where an encoder's weights come from when they are not random: word vectors, or a published model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.model import Floats
from models.tokenization.tokenizer import Tokenizer


class InitialWeights(ABC):
    """Weights for an encoder to begin with."""

    tokenizer: Tokenizer | None = None
    """The tokenizer that the weights belong to, where it is to be used instead of a new one."""
    extra_words: Sequence[str] = ()
    """Words that a new tokenizer lists beside those of the training texts: their vectors are known."""

    @abstractmethod
    def arrays(self, tokenizer: Tokenizer) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Return weights of the encoder by name, for the vocabulary of `tokenizer`; NaN where unknown."""


class WordVectors(InitialWeights):
    """Vectors [N, E] of words, such as GloVe's; words without one begin at random.

    >>> vectors = WordVectors(["cat", "dog"], np.ones((2, 3), np.float32))
    >>> from models.tokenization.config import TokenizerConfig
    >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "cow", "cat"])
    >>> vectors.arrays(tokenizer)["embedding"][2:]
    array([[nan, nan, nan],
           [ 1.,  1.,  1.]], dtype=float32)
    """

    def __init__(self, words: Sequence[str], vectors: Floats, extra_words: int = 0) -> None:
        """Hold the vectors of `words`; the first `extra_words` of them join the vocabulary in any case."""
        self._rows = {word: row for row, word in enumerate(words)}
        self._vectors, self.size = vectors, vectors.shape[1]
        self.extra_words = list(words[:extra_words])

    def arrays(self, tokenizer: Tokenizer) -> Mapping[str, NDArray[np.floating[Any]]]:
        """See `InitialWeights`; a word that has no vector as it is written takes that of its lower case."""
        embedding = np.full((tokenizer.vocabulary_size, self._vectors.shape[1]), np.nan, np.float32)
        for token, row in zip(tokenizer.vocabulary, embedding, strict=True):
            place = self._rows.get(token, self._rows.get(token.lower()))
            if place is not None:
                row[:] = self._vectors[place]
        return {"embedding": embedding}
