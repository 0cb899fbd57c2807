"""Encoded text: `Encoding` of one, `BatchEncoding` of several, and `TokenModel`, which makes both.

`TokenModel` is the interface of the three kinds of tokens: words, characters, parts of words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS, UNK
from models.utils.arrays import concat_rows

MISSING = -1
"""Stands for the id of a surface form that the vocabulary lacks, until `Encoding` replaces it by that of `<unk>`."""


@dataclass(frozen=True)
class Encoding:
    """Tokens of one text.

    ids: [T] token ids, `<unk>` where the vocabulary lacks the surface form.
    oov: [T] whether the vocabulary lacks the surface form; a literal `<unk>` in the text is not out of vocabulary.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]

    @classmethod
    def from_ids(cls, ids: NDArray[np.int32]) -> Encoding:
        """Build the encoding of ids [T] which are MISSING where the vocabulary lacks the surface form."""
        return cls(np.maximum(ids, np.int32(UNK)), ids == MISSING)


@dataclass(frozen=True)
class BatchEncoding:
    """Tokens of N texts, concatenated; item k is the `Encoding` of text k.

    ids, oov: [T] as in `Encoding`.
    ends: [N] position after the last token of each text.
    """

    ids: NDArray[np.int32]
    oov: NDArray[np.bool_]
    ends: NDArray[np.int64]

    @classmethod
    def from_ids(cls, ids: NDArray[np.int32], ends: NDArray[np.int64]) -> BatchEncoding:
        """Build the encoding of ids [T] which are MISSING where the vocabulary lacks the surface form."""
        encoding = Encoding.from_ids(ids)
        return cls(encoding.ids, encoding.oov, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, k: int) -> Encoding:
        begin, end = self.ends[k - 1] if k else 0, self.ends[k]
        return Encoding(self.ids[begin:end], self.oov[begin:end])

    def __iter__(self) -> Iterator[Encoding]:
        return map(self.__getitem__, range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each text [N]."""
        return np.diff(self.ends, prepend=0)


class TokenModel(ABC):
    """Splitter of text into tokens of one kind, with their ids. Immutable, thread-safe."""

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the surface form."""

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Return the surface forms [T] of `text`, aligned with `encode(text)`."""

    def encode_batch(self, texts: Sequence[str], *, add_eos: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids [T] of all `texts`, with `</s>` behind each if `add_eos`, and where each ends [N]."""
        rows = [self.encode(text) for text in texts]
        return concat_rows([np.append(row, np.int32(EOS)) for row in rows] if add_eos else rows)
