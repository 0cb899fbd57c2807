"""Files of word vectors: GloVe's and word2vec's text formats, and `.npy` arrays with a list of words.

`WordVectorFile` reads a file line by line and keeps the vectors of wanted words alone: a file of gigabytes costs no
more memory than a vocabulary.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from models.data.labelled.lines import fault, numbered_lines
from models.errors import InvalidInput, InvalidText
from models.model import Floats
from models.tokenization.raw_text import BYTE_ORDER_MARK, WHITESPACE
from models.utils.compression import open_decompressed
from models.utils.regular_files import check_regular

_WHOLE_NUMBER = re.compile("[0-9]{1,9}")
"""Field of the first line of word2vec's format."""
_Row = tuple[int, str, "list[str] | NDArray[np.floating]"]
"""Line, word and numbers, which are not parsed yet in a text."""


@dataclass(frozen=True)
class WordVectorFile:
    """A file of word vectors, which is not held in memory.

    A text has a word and its numbers a line, separated by blanks; word2vec's begins with a line of the number of words
    and of the vectors' size. An array [N, E] in NumPy's format has its words in another file, one a line.
    """

    path: Path
    size: int
    """E: numbers of a vector."""
    word_list: Path | None = None
    header: int | None = None
    """Words that the first line of word2vec's format says there are."""

    @classmethod
    def open(cls, path: Path, word_list: Path | None = None) -> WordVectorFile:
        """Look at the beginning of a file. Raises InvalidInput, or InvalidText naming the first line."""
        if (path.suffix == ".npy") != (word_list is not None):
            raise InvalidInput("vector_words", "must be the words of a .npy file, and nothing for others")
        if word_list is not None:
            return cls(path, _load_array(path).shape[1], word_list)
        first = next(_lines(path), (1, ""))[1].split(" ")
        if len(first) == 2 and all(_WHOLE_NUMBER.fullmatch(field) for field in first):
            return cls(path, int(first[1]), header=int(first[0]))
        if len(first) < 2:
            raise fault(path, 1, "must be a word and its numbers, separated by blanks")
        return cls(path, len(first) - 1)

    def words(self, count: int) -> list[str]:
        """Return the first `count` words."""
        return [word for _, word, _ in islice(self._rows(), min(count, sys.maxsize))]

    def read(self, wanted: Container[str]) -> tuple[list[str], Floats]:
        """Return the words of the file that are `wanted`, in its order, and their vectors [N, E].

        The first vector of a word counts. Raises InvalidText naming the first line that is wrong.
        """
        vectors: dict[str, Floats] = {}
        line = 0
        for line, word, numbers in self._rows():
            if word in wanted and word not in vectors:
                vectors[word] = self._vector(line, numbers)
        if self.header is not None and line - 1 != self.header:
            raise fault(self.path, line, f"is the last, but the first line says that {self.header} vectors follow")
        return list(vectors), np.array(list(vectors.values()), np.float32).reshape(-1, self.size)

    def _rows(self) -> Iterator[_Row]:
        """Yield line, word and numbers."""
        if self.word_list is None:
            yield from self._text_rows()
        else:
            yield from self._array_rows(self.word_list)

    def _text_rows(self) -> Iterator[_Row]:
        for line, text in islice(_lines(self.path), 0 if self.header is None else 1, None):
            # From the right: some files have words with blanks in them.
            word, *numbers = text.rsplit(" ", self.size)
            if not word or len(numbers) != self.size:
                raise fault(self.path, line, f"must be a word and {self.size} numbers, separated by blanks")
            yield line, word, numbers

    def _array_rows(self, word_list: Path) -> Iterator[_Row]:
        array = _load_array(self.path)
        words = list(numbered_lines(word_list))
        if words and not words[-1][1]:
            words.pop()
        if len(words) != len(array):
            raise InvalidInput("vector_words", f"must be {len(array)} words, one a line, not {len(words)}")
        for (line, word), row in zip(words, array, strict=True):
            if not word:
                raise fault(word_list, line, "must be a word")
            yield line, word, row

    def _vector(self, line: int, numbers: list[str] | NDArray[np.floating]) -> Floats:
        """Return finite numbers [E]."""
        try:
            vector = np.array(numbers, np.float32)
        except ValueError as error:
            raise fault(self.path, line, f"must be a word and {self.size} numbers: {error}") from None
        if not np.isfinite(vector).all():
            raise fault(self.path, line, "must hold finite numbers")
        return vector


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text, numbered from 1, without the blanks at their ends."""
    try:
        with open_decompressed(path) as file:
            for line, data in enumerate(file, 1):
                text = data.decode().rstrip(WHITESPACE)
                yield line, text.removeprefix(BYTE_ORDER_MARK) if line == 1 else text
    except UnicodeDecodeError as error:
        raise fault(path, line, f"must be UTF-8 ({error.reason})") from None
    except OSError as error:
        raise InvalidInput("initialize_from", f"must be readable: {error}") from None


def _load_array(path: Path) -> NDArray[np.floating]:
    """Map an array [N, E] of floating-point numbers into memory. Raises InvalidInput, InvalidText."""
    try:
        check_regular(path)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, OverflowError) as error:
        # NumPy parses the header of the file as an expression of Python.
        raise InvalidText("initialize_from", f"{path} must be an array in NumPy's format ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
        found = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "several arrays"
        raise InvalidText("initialize_from", f"{path} must hold a matrix of floating-point numbers, not {found}")
    return np.asarray(array)  # as a plain array, whose rows are had much faster
