"""Text files as one corpus: their clean text, their token ids, their hash, and a part held out.

Files are read in blocks of a megabyte, so that their size does not matter: only the ids of `encode` are ever held in
memory, and those can be kept in a file instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader
from models.errors import InvalidInput, InvalidText
from models.special_tokens import EOS
from models.tokenization.config import Texts, TokenizerConfig, TokenKind
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import concat_on_disk
from models.utils.parallel import parallel_imap, read_ahead

READ_BYTES = 1 << 20
"""Bytes of a file that are read, cleaned and encoded at a time. More costs memory, less costs speed."""


@dataclass(frozen=True)
class EncodedCorpus:
    """Token ids of a whole corpus, concatenated.

    ids: [T] ids of every line, each line ending in `</s>`; for character tokenizers those of the text and then one
        `</s>`, or one after each paragraph or line where those are texts. None stands at the start: a model reads them
        from its begin state.
    oov_count: number of tokens that the vocabulary lacks.
    lines, characters: size of the clean text; newlines are characters.
    """

    ids: NDArray[np.int32]
    oov_count: int
    lines: int
    characters: int

    def reversed(self) -> EncodedCorpus:
        """Return the text from right to left: the last line comes first, and each still ends with its `</s>`.

        >>> EncodedCorpus(np.array([2, 3, 1, 4, 1], np.int32), 0, 2, 6).reversed().ids.tolist()
        [4, 1, 3, 2, 1]
        """
        return replace(self, ids=np.roll(self.ids[::-1], -1))


@dataclass(frozen=True)
class Corpus:
    """UTF-8 text files, read in order as one text; `LineReader` says how each is cleaned.

    kind, texts: those of the tokenizer; "character" leaves lines as they are unless lines are its texts, others strip
        them and complete a file's last one.
    start, stop: part of the text that belongs to the corpus, `stop` excluded, in lines; for "character" in its texts,
        or in characters where the whole is one text.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "text.txt")
    ...     _ = path.write_text("the cat sat .\\nthe dog sat .\\n")
    ...     corpus = Corpus.open(path)
    ...     tokenizer, encoded = corpus.train_tokenizer(TokenizerConfig())
    >>> tokenizer.vocabulary
    ['<unk>', '</s>', '.', 'sat', 'the', 'cat', 'dog']
    >>> encoded.ids.tolist()
    [4, 5, 3, 2, 1, 4, 6, 3, 2, 1]
    """

    files: tuple[Path, ...]
    kind: TokenKind = "word"
    empty_lines: EmptyLines = "keep"
    start: int = 0
    stop: int | None = None
    texts: Texts = "whole"

    @classmethod
    def open(
        cls,
        files: Sequence[str | Path] | str | Path,
        *,
        kind: TokenKind = "word",
        texts: Texts = "whole",
        empty_lines: EmptyLines = "keep",
    ) -> Corpus:
        """Return the corpus of `files`. Raises InvalidInput where none is given, or one does not exist."""
        paths = tuple(Path(f) for f in ([files] if isinstance(files, str | Path) else files))
        if not paths:
            raise InvalidInput("files", "must name at least one file")
        for path in paths:
            if not path.is_file():
                raise InvalidInput("files", f"must name text files, and {path} is not one")
        return cls(paths, kind, empty_lines, texts=texts)

    @property
    def text_end(self) -> str:
        """Characters that `</s>` stands for, in the clean text; empty where the whole is one text."""
        return self._tokenizer_config.text_end

    @property
    def has_lines(self) -> bool:
        """Whether a newline is `</s>`."""
        return self._tokenizer_config.has_lines

    @property
    def _tokenizer_config(self) -> TokenizerConfig:
        return TokenizerConfig(self.kind, texts=self.texts)

    def chunks(self) -> Iterator[str]:
        """Yield the clean text in chunks of whole lines, of about a megabyte.

        Raises InvalidText, naming file and byte, for what is not UTF-8, and where there is no text at all.
        """
        empty = True
        for chunk in self._within_bounds(self._clean_chunks()):
            if chunk:
                empty = False
                yield chunk
        if empty:
            raise InvalidText("files", f"must hold text; there is none in {', '.join(map(str, self.files))}")

    def encode(self, tokenizer: Tokenizer, folder: Path | None = None) -> EncodedCorpus:
        """Encode the corpus; its ids are in memory, or in a file of `folder` that disappears with the process.

        Raises InvalidText as `chunks` does, InvalidInput where the tokenizer is of another kind.
        """
        if (tokenizer.config.kind, tokenizer.config.texts) != (self.kind, self.texts):
            message = f"must be a {self.kind} tokenizer with texts {self.texts!r} to encode this corpus"
            raise InvalidInput("tokenizer", message)
        size = _SizeCounter()
        return self._collect(parallel_imap(tokenizer.encode, size.count(read_ahead(self.chunks()))), size, folder)

    def train_tokenizer(self, config: TokenizerConfig) -> tuple[Tokenizer, EncodedCorpus]:
        """Train a tokenizer on this text and encode it, reading words once; raises as `encode` and `train` do."""
        if config.kind != self.kind or self.kind != "word" or config.file is not None:
            tokenizer = Tokenizer.train(config, self.chunks())
            return tokenizer, self.encode(tokenizer)
        size = _SizeCounter()
        tokenizer, encodings = Tokenizer.train_and_encode(config, size.count(read_ahead(self.chunks())))
        return tokenizer, self._collect(encodings, size)

    def _collect(self, encodings: Iterable[Encoding], size: _SizeCounter, folder: Path | None = None) -> EncodedCorpus:
        arrays = self._id_arrays(encodings, size)
        ids = np.concatenate(list(arrays)) if folder is None else concat_on_disk(arrays, folder)
        return EncodedCorpus(ids, size.oov_count, size.lines, size.characters)

    def _id_arrays(self, encodings: Iterable[Encoding], size: _SizeCounter) -> Iterator[NDArray[np.int32]]:
        for encoding in encodings:
            size.oov_count += int(np.count_nonzero(encoding.oov))
            yield encoding.ids
        if not self.text_end:
            yield np.array([EOS], np.int32)

    def split(self, validation_fraction: float) -> tuple[Corpus, Corpus]:
        """Split off the last lines (texts, characters), rounded up. Raises InvalidInput if either part is empty."""
        if not 0 < validation_fraction < 1:
            raise InvalidInput("validation_fraction", f"must lie between 0 and 1, not {validation_fraction!r}")
        units = sum(self._unit_count(chunk) for chunk in self.chunks())
        # A fraction is exact where a float is not: 0.07 of 100 lines are 7, not 7.000000000000001 and so 8.
        train_units = units - ceil(units * Fraction(str(validation_fraction)))
        if not 0 < train_units < units:
            message = f"must leave text on both sides; {validation_fraction!r} of {units} does not"
            raise InvalidInput("validation_fraction", message)
        border = self.start + train_units
        return replace(self, stop=border), replace(self, start=border)

    def sha256(self) -> str:
        """Return the hash of the files' bytes one after the other, as `cat FILES | sha256sum` prints it."""
        digest = hashlib.sha256()
        for path in self.files:
            for block in _read_blocks(path):
                digest.update(block)
        return digest.hexdigest()

    def _clean_chunks(self) -> Iterator[str]:
        for path in self.files:
            reader = open_reader(self._tokenizer_config, self.empty_lines, str(path))
            for block in _read_blocks(path):
                yield reader.feed(block)
            yield reader.finish()

    def _unit_count(self, chunk: str) -> int:
        return chunk.count(self.text_end) if self.text_end else len(chunk)

    def _within_bounds(self, chunks: Iterator[str]) -> Iterator[str]:
        """Yield the part of `chunks` that lies between `start` and `stop`."""
        position = 0
        for chunk in chunks:
            if self.stop is not None and position >= self.stop:
                return
            begin = self._offset_of_unit(chunk, self.start - position)
            end = len(chunk) if self.stop is None else self._offset_of_unit(chunk, self.stop - position)
            position += self._unit_count(chunk)
            yield chunk[begin:end]

    def _offset_of_unit(self, chunk: str, unit: int) -> int:
        """Return where line, text or character number `unit` of `chunk` begins, clipped to the ends of `chunk`."""
        if not self.text_end or unit <= 0:
            return min(max(unit, 0), len(chunk))
        rest = chunk.split(self.text_end, unit)[unit:]
        return len(chunk) - len(rest[0]) if rest else len(chunk)


class _SizeCounter:
    """Counter of the lines and characters of the chunks that pass, and of their unknown tokens."""

    def __init__(self) -> None:
        self.lines = self.characters = self.oov_count = 0

    def count(self, chunks: Iterable[str]) -> Iterator[str]:
        """Yield the same chunks, adding to the counts."""
        for chunk in chunks:
            self.lines += chunk.count("\n")
            self.characters += len(chunk)
            yield chunk


def _read_blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                yield block
    except OSError as error:
        raise InvalidInput("files", f"must be readable: {error}") from None
