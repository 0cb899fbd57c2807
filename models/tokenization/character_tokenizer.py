"""Character tokens in bulk, by a table of ids indexed by code point."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.special_tokens import EOS, EOS_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.encoding import MISSING, TokenModel
from models.tokenization.offsets import PARAGRAPH_BREAK, character_offsets
from models.utils.arrays import Int64Array

_END = "\udfff"
"""Character that stands for the end of a text inside this module: half a surrogate pair, which no text holds."""


class CharacterTokenizer(TokenModel):
    """Splitter of text into characters, with their ids; `</s>` stands where a text ends, as `texts` says."""

    def __init__(self, config: TokenizerConfig, vocabulary: Sequence[str]) -> None:
        """Raises InvalidInput where a token is no single character."""
        if any(len(token) != 1 for token in vocabulary[EOS + 1 :]):
            raise InvalidInput("vocabulary", "must hold single characters for a character tokenizer")
        super().__init__(config, vocabulary)
        self._texts = config.texts
        codes = [ord(character) for character in vocabulary[EOS + 1 :]]
        # One row more than the highest code point needs: `encode` clips all higher ones to it.
        self._ids_by_code = np.full(max([*codes, ord(_END)]) + 2, MISSING, np.int32)
        self._ids_by_code[codes] = np.arange(EOS + 1, len(vocabulary))
        self._ids_by_code[ord(_END)] = EOS

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the vocabulary lacks the character."""
        return self._ids_by_code.take(self._code_points(text), mode="clip")

    def split(self, text: str) -> list[str]:
        """Return the characters [T] of `text`, aligned with `encode(text)`."""
        return list(map(_surface, self._normalize(text)))

    def forms_at(self, text: str, positions: NDArray[np.int64]) -> list[str]:
        """Return the characters [N] at `positions` [N] of `encode(text)`."""
        return [_surface(chr(code)) for code in self._code_points(text)[positions].tolist()]

    def offsets_in_normalized(self, text: str, _: Sequence[str]) -> Int64Array:
        """Return begin and end [T, 2] of each character."""
        return character_offsets(self.config, text)

    def detokenizer(self) -> Detokenizer:
        """Return a joiner of characters that come one by one."""
        return Detokenizer(self.vocabulary, verbatim=True, text_end=self.config.text_end)

    def count(self, chunks: Iterable[str]) -> Counter[str]:
        """Count how often each character occurs in a text given in chunks."""
        counts = np.zeros(sys.maxunicode + 1, np.int64)
        for chunk in chunks:
            chunk_counts = np.bincount(self._code_points(chunk))
            counts[: chunk_counts.size] += chunk_counts
        return Counter({_surface(chr(code)): int(counts[code]) for code in counts.nonzero()[0]})

    def _code_points(self, text: str) -> NDArray[np.uint32]:
        return np.frombuffer(self._normalize(text).encode("utf-32-le", "surrogatepass"), "<u4")

    def _normalize(self, text: str) -> str:
        text = self.normalizer(text)
        if self._texts == "lines":
            return text.replace("\n", _END)
        return PARAGRAPH_BREAK.sub(_END, text) if self._texts == "paragraphs" else text


def _surface(character: str) -> str:
    return EOS_TOKEN if character == _END else character
