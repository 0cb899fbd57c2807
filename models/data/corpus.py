"""Text files as one corpus: their clean text, their token ids, their hash, and a part held out.

It knows files and how the ids of a corpus are laid out; it does not know how text is cut into tokens. Files are read
in slices, so that their size does not matter; only the ids of `encode` are ever held in memory.
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

from models.data.line_reader import EmptyLines, LineReader
from models.errors import InvalidInput, InvalidText
from models.special_tokens import EOS
from models.tokenization.config import TokenKind
from models.tokenization.tokenizer import Encoding, Tokenizer, TokenizerConfig
from models.utils.files import concat_on_disk
from models.utils.parallel import parallel_imap, read_ahead

READ_BYTES = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True)
class EncodedCorpus:
    """A corpus as one flat row of ids.

    ids: [T] for characters all of the text's and then one `</s>`, for others every line's and then `</s>`. None
        stands at the start: reading begins in the state after `</s>`.
    oov_count: how many tokens the vocabulary lacks.
    lines, characters: of the clean text; newlines are characters.
    """

    ids: NDArray[np.int32]
    oov_count: int
    lines: int
    characters: int


@dataclass(frozen=True)
class Corpus:
    """UTF-8 text files, read in order as one text; `LineReader` says how each is cleaned.

    kind: the tokenizer's; "character" leaves lines as they are, others strip them and complete the last one of a file.
    first, last: the part of the text that counts, in lines (words) or characters, `last` excluded.
    """

    files: tuple[Path, ...]
    kind: TokenKind = "word"
    empty_lines: EmptyLines = "keep"
    start: int = 0
    stop: int | None = None

    @classmethod
    def open(
        cls,
        files: Sequence[str | Path] | str | Path,
        *,
        kind: TokenKind = "word",
        empty_lines: EmptyLines = "keep",
    ) -> Corpus:
        """The corpus of `files`. Raises InvalidInput where there are none, or one is not there."""
        paths = tuple(Path(f) for f in ([files] if isinstance(files, str | Path) else files))
        if not paths:
            raise InvalidInput("files", "must name at least one file")
        for path in paths:
            if not path.is_file():
                raise InvalidInput("files", f"must name text files, and {path} is not one")
        return cls(paths, kind, empty_lines)

    def chunks(self) -> Iterator[str]:
        """The clean text in chunks of whole lines, of about a megabyte.

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
        """All ids, in memory or in a file of `folder`.

        Raises InvalidText as `chunks` does, InvalidInput where the tokenizer is of another kind.
        """
        if tokenizer.config.kind != self.kind:
            raise InvalidInput("tokenizer", f"must be a {self.kind} tokenizer to encode this corpus")
        size = _SizeCounter()
        return self._collect(parallel_imap(tokenizer.encode, size.count(read_ahead(self.chunks()))), size, folder)

    def train_tokenizer(self, config: TokenizerConfig) -> tuple[Tokenizer, EncodedCorpus]:
        """The tokenizer of this text, and all ids; words are read once, characters twice.

        Raises what `encode` and `Tokenizer.train` do.
        """
        if config.kind != self.kind or self.kind != "word":
            tokenizer = Tokenizer.train(config, self.chunks())
            return tokenizer, self.encode(tokenizer)
        size = _SizeCounter()
        tokenizer, pieces = Tokenizer.train_and_encode(config, size.count(read_ahead(self.chunks())))
        return tokenizer, self._collect(pieces, size)

    def _collect(self, pieces: Iterable[Encoding], size: _SizeCounter, folder: Path | None = None) -> EncodedCorpus:
        ids = self._id_arrays(pieces, size)
        whole = np.concatenate(list(ids)) if folder is None else concat_on_disk(ids, folder)
        return EncodedCorpus(whole, size.oov_count, size.lines, size.characters)

    def _id_arrays(self, pieces: Iterable[Encoding], size: _SizeCounter) -> Iterator[NDArray[np.int32]]:
        for encoding in pieces:
            size.oov_count += int(np.count_nonzero(encoding.oov))
            yield encoding.ids
        if self.kind == "character":
            yield np.array([EOS], np.int32)

    def split(self, validation_fraction: float) -> tuple[Corpus, Corpus]:
        """The corpus without its last lines (for characters: characters), and those, their number rounded up.

        Raises InvalidInput unless both parts hold something.
        """
        if not 0 < validation_fraction < 1:
            raise InvalidInput("validation_fraction", f"must lie between 0 and 1, not {validation_fraction!r}")
        whole = sum(self._unit_count(chunk) for chunk in self.chunks())
        kept = whole - ceil(whole * Fraction(str(validation_fraction)))  # of 100 lines 0.07 is 7: no float's 7.000001
        if not 0 < kept < whole:
            raise InvalidInput(
                "validation_fraction", f"must leave text on both sides; {validation_fraction!r} of {whole} does not"
            )
        border = self.start + kept
        return replace(self, stop=border), replace(self, start=border)

    def sha256(self) -> str:
        """The hash of the files' bytes one after the other, as `cat FILES | sha256sum` prints it."""
        digest = hashlib.sha256()
        for path in self.files:
            for data in _read_blocks(path):
                digest.update(data)
        return digest.hexdigest()

    def _clean_chunks(self) -> Iterator[str]:
        for path in self.files:
            reader = LineReader(strip=self.kind != "character", empty_lines=self.empty_lines, field=str(path))
            for data in _read_blocks(path):
                yield reader.feed(data)
            yield reader.finish()

    def _unit_count(self, chunk: str) -> int:
        return len(chunk) if self.kind == "character" else chunk.count("\n")

    def _within_bounds(self, chunks: Iterator[str]) -> Iterator[str]:
        """Of `chunks`, what lies between `first` and `last`."""
        at = 0
        for chunk in chunks:
            if self.stop is not None and at >= self.stop:
                return
            units = self._unit_count(chunk)
            start = self._offset_of_unit(chunk, self.start - at)
            stop = len(chunk) if self.stop is None else self._offset_of_unit(chunk, self.stop - at)
            at += units
            yield chunk[start:stop]

    def _offset_of_unit(self, chunk: str, units: int) -> int:
        """Where in `chunk` the first `units` of its lines or characters end."""
        if self.kind == "character" or units <= 0:
            return min(max(units, 0), len(chunk))
        rest = chunk.split("\n", units)[units:]
        return len(chunk) - len(rest[0]) if rest else len(chunk)


class _SizeCounter:
    """The lines and characters of the chunks that have passed, and how many of their tokens the vocabulary lacks."""

    def __init__(self) -> None:
        self.lines = self.characters = self.oov_count = 0

    def count(self, chunks: Iterable[str]) -> Iterator[str]:
        """The same chunks."""
        for chunk in chunks:
            self.lines += chunk.count("\n")
            self.characters += len(chunk)
            yield chunk


def _read_blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(READ_BYTES):
                yield data
    except OSError as error:
        raise InvalidInput("files", f"must be readable: {error}") from None
