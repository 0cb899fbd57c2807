"""Splitting of text by a file of others: `ForeignModel`, what both kinds of files share.

Lines are encoded one by one, as the command line tools of both libraries do, and a newline is the boundary. Special
tokens that are typed in a text are text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import MISSING, SpecialNames, TokenModel
from models.tokenization.foreign.file_vocabulary import FileVocabulary
from models.tokenization.foreign.line_detokenizer import LineDetokenizer
from models.tokenization.token_names import TokenNames
from models.utils.arrays import Int64Array


class TokenSpan(NamedTuple):
    """Token of a line: its id in the file, and where it begins and ends, in characters."""

    file_id: int
    begin: int
    end: int


class ForeignModel(TokenModel):
    """Splitter of text into the tokens of a file, by the library of that file."""

    splits_words_alike = False

    def __init__(self, config: TokenizerConfig, file: FileVocabulary) -> None:
        super().__init__(replace(config, boundary=file.tokens[EOS] if file.has_boundary else None), file.tokens)
        self.file = file
        self.public_ids = file.public_ids

    @abstractmethod
    def encode_lines(self, lines: list[str]) -> Iterable[Sequence[int] | NDArray[np.int32]]:
        """Return the file's ids of each of `lines`, which hold no newline. Raises InvalidText."""

    @abstractmethod
    def line_spans(self, line: str) -> list[TokenSpan]:
        """Return the tokens of a line with their places. Raises InvalidText."""

    @abstractmethod
    def decode_line(self, file_ids: list[int]) -> str:
        """Return the text of tokens given by the file's ids."""

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`, MISSING where the file has its unknown token for it."""
        newline = np.array([self.file.internal_ids.size - 1], np.int32)
        rows: list[Sequence[int] | NDArray[np.int32]] = []
        for row in self.encode_lines(text.split("\n")):
            rows += (newline, row)
        file_ids = np.concatenate([np.asarray(row, np.int32) for row in rows[1:]])
        ids: NDArray[np.int32] = self.file.internal_ids[file_ids]
        if self.file.has_unknown and self.vocabulary[UNK] in text and MISSING in ids:
            is_literal = np.array([form == self.vocabulary[UNK] for form in self.split(text)], np.bool_)
            ids[is_literal & (ids == MISSING)] = UNK
        return ids

    def split(self, text: str) -> list[str]:
        """Return the tokens [T] of `text` as the vocabulary writes them, and the text of those that it lacks."""
        forms = []
        for file_id, begin, end in self._spans(text):
            token = self.file.internal_ids[file_id]
            forms.append(text[begin:end] if token == MISSING else self.vocabulary[token])
        return forms

    def offsets(self, text: str, _: Sequence[str]) -> Int64Array:
        """Return where each token of `text` begins and ends [T, 2], in characters, by the file's library."""
        return np.array([(begin, end) for _, begin, end in self._spans(text)], np.int64).reshape(-1, 2)

    def detokenizer(self) -> LineDetokenizer:
        """Return a joiner of tokens that come one by one, by the file's own decoder."""
        return LineDetokenizer(self.vocabulary, self._decode, decodes_unknown=self.file.has_unknown)

    def ngram_words(self) -> list[str]:
        """Return the tokens [V] as files of n-gram models write them."""
        return self.file.ngram_words()

    def special_names(self) -> SpecialNames:
        """Return the file's names of the special tokens that it has."""
        file = self.file
        return SpecialNames(
            file.tokens[UNK] if file.has_unknown else None,
            file.tokens[EOS] if file.has_boundary else None,
            are_text=True,
        )

    def names(self) -> TokenNames:
        """Return how tokens are shown: as the text that they write, with the ids of the file."""
        spellings = list(map(self.token_bytes, range(len(self.vocabulary))))
        return TokenNames.of_bytes(spellings, None if self.public_ids is None else self.public_ids.tolist())

    def _decode(self, ids: list[int]) -> str:
        return self.decode_line(self.file.public_ids[ids].tolist())

    def _spans(self, text: str) -> Iterator[TokenSpan]:
        """Yield the tokens of a text of several lines; a newline has the id that no token of the file has."""
        newline, begin = self.file.internal_ids.size - 1, 0
        for k, line in enumerate(text.split("\n")):
            if k:
                yield TokenSpan(newline, begin - 1, begin)
            yield from (TokenSpan(i, begin + first, begin + last) for i, first, last in self.line_spans(line))
            begin += len(line) + 1


def is_special(token: int) -> bool:
    """Whether an internal id is that of the unknown token or the boundary, which write their names."""
    return token <= EOS
