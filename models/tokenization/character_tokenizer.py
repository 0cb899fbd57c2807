"""Character tokens in bulk, by a table of ids indexed by code point."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import MISSING, TokenModel
from models.tokenization.pipeline import lower_case


class CharacterTokenizer(TokenModel):
    """Splitter of text into characters, with their ids."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        self._lowercase = config.lowercase
        codes = [ord(character) for character in vocabulary[EOS + 1 :]]
        # One row more than the highest code point needs: `encode` clips all higher ones to it.
        self._ids = np.full(max(codes, default=0) + 2, MISSING, np.int32)
        self._ids[codes] = np.arange(EOS + 1, len(vocabulary))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the character."""
        return self._ids.take(self._code_points(text), mode="clip")

    def split(self, text: str) -> list[str]:
        """Return the characters [T] of `text`, aligned with `encode(text)`."""
        return list(self._normalize(text))

    def count(self, chunks: Iterable[str]) -> Counter[str]:
        """Count how often each character occurs in a text given in chunks."""
        counts = np.zeros(sys.maxunicode + 1, np.int64)
        for chunk in chunks:
            chunk_counts = np.bincount(self._code_points(chunk))
            counts[: chunk_counts.size] += chunk_counts
        return Counter({chr(code): int(counts[code]) for code in counts.nonzero()[0]})

    def _code_points(self, text: str) -> NDArray[np.uint32]:
        return np.frombuffer(self._normalize(text).encode("utf-32-le"), "<u4")

    def _normalize(self, text: str) -> str:
        return lower_case(text) if self._lowercase else text
