"""Text files as one corpus: their clean text, their token ids, their hash, and a part held out.

Files are read in blocks of a megabyte, compressed ones as what they hold, so that their size does not matter: only the
ids of `encode` are ever held in memory, and those can be kept in a file instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.encoded_corpus import EncodedCorpus, SizeCounter
from models.data.encoding_names import UTF_8, check_encoding
from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader
from models.data.sentence_marks import SentenceMarks
from models.data.single_line import as_whole_line, find_border
from models.data.text_files import clean_blocks, read_blocks
from models.errors import InvalidInput, InvalidText
from models.special_tokens import EOS
from models.tokenization.config import Texts, TokenizerConfig, TokenKind
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.parallel import parallel_imap
from models.utils.regular_files import open_regular
from models.utils.scratch import Scratch

_HEAD_BYTES = 1 << 16
"""Bytes at the start of a text that show whether its lines carry sentence marks."""


@dataclass(frozen=True)
class Corpus:
    """Text files, read in order as one text; `LineReader` says how each is cleaned.

    Marks `<s>` and `</s>` that all lines carry are left out.

    config: settings of the tokenizer that reads the text: whether it has lines, and what their blanks are.
    encoding: how the files' characters are written; a byte order mark of UTF-16 or UTF-32 wins.
    start, stop: part of the text that belongs to the corpus, `stop` excluded: in texts, which are lines to most
        tokenizers, or in characters where the whole is one text.
    cuts_line: whether `start` and `stop` are places in one line, in characters; both parts are whole lines then.

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
    config: TokenizerConfig = field(default_factory=TokenizerConfig)
    empty_lines: EmptyLines = "keep"
    encoding: str = UTF_8
    start: int = 0
    stop: int | None = None
    cuts_line: bool = False

    @classmethod
    def open(
        cls,
        files: Sequence[str | Path] | str | Path,
        *,
        kind: TokenKind = "word",
        texts: Texts = "whole",
        config: TokenizerConfig | None = None,
        empty_lines: EmptyLines = "keep",
        encoding: str = UTF_8,
    ) -> Corpus:
        """Return the corpus of `files`; `kind` and `texts` stand for a `config` that says no more.

        Raises InvalidInput where no file is given, one does not exist, or the encoding is unknown.
        """
        paths = tuple(Path(f) for f in ([files] if isinstance(files, str | Path) else files))
        if not paths:
            raise InvalidInput("files", "must name at least one file")
        for path in paths:
            if not path.is_file():
                raise InvalidInput("files", f"must name text files, and {path} is not one")
        return cls(paths, config or TokenizerConfig(kind, texts=texts), empty_lines, check_encoding(encoding))

    @property
    def text_end(self) -> str:
        """Characters that `</s>` stands for, in the clean text; empty where the whole is one text."""
        return self.config.text_end

    @property
    def has_lines(self) -> bool:
        """Whether a newline is `</s>`."""
        return self.config.has_lines

    @cached_property
    def sentence_marks(self) -> SentenceMarks:
        """Marks on the lines of the first file, which are left out. Raises InvalidText as `chunks` does."""
        return SentenceMarks.of(next(filter(None, self._raw_chunks(self.files[0], _HEAD_BYTES)), ""))

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about how the text is read; none where there is nothing to tell."""
        notes = self.sentence_marks.notes()
        if self.cuts_line:
            notes.append("the text is one line: it is cut between two words, and its last part held out")
        return notes

    def chunks(self) -> Iterator[str]:
        """Yield the clean text in chunks of whole lines, of about a megabyte.

        Raises InvalidText, naming file and byte, for what is not in the encoding, and where there is no text at all.
        """
        empty = True
        pieces = self._pieces()
        for chunk in as_whole_line(pieces, self.text_end) if self.cuts_line else (chunk for _, chunk in pieces):
            if chunk:
                empty = False
                yield chunk
        if empty:
            raise InvalidText("files", f"must hold text; there is none in {', '.join(map(str, self.files))}")

    def encode(self, tokenizer: Tokenizer, scratch: Scratch | None = None) -> EncodedCorpus:
        """Encode the corpus; its ids are in memory, or within a budget in a file of `scratch`.

        Raises InvalidText as `chunks` does, InvalidInput where the tokenizer is of another kind.
        """
        kind, texts = self.config.kind, self.config.texts
        if (tokenizer.config.kind, tokenizer.config.texts) != (kind, texts):
            raise InvalidInput("tokenizer", f"must be a {kind} tokenizer with texts {texts!r} to encode this corpus")
        size = SizeCounter()
        return self._collect(parallel_imap(tokenizer.encode, size.count(self.chunks())), size, scratch or Scratch())

    def train_tokenizer(self, config: TokenizerConfig) -> tuple[Tokenizer, EncodedCorpus]:
        """Train a tokenizer on this text and encode it, reading words once; raises as `encode` and `train` do."""
        if config.kind != self.config.kind or config.kind != "word" or config.file is not None:
            tokenizer = Tokenizer.train(config, self.chunks())
            return tokenizer, self.encode(tokenizer)
        size = SizeCounter()
        tokenizer, encodings = Tokenizer.train_and_encode(config, size.count(self.chunks()))
        return tokenizer, self._collect(encodings, size, Scratch())

    def _collect(self, encodings: Iterable[Encoding], size: SizeCounter, scratch: Scratch) -> EncodedCorpus:
        ids = scratch.growing(np.int32)
        for array in self._id_arrays(encodings, size):
            ids.append(array)
        return EncodedCorpus(ids.finish(), size.oov_count, size.lines, size.characters, size.inner_marks)

    def _id_arrays(self, encodings: Iterable[Encoding], size: SizeCounter) -> Iterator[NDArray[np.int32]]:
        for encoding in encodings:
            size.oov_count += int(np.count_nonzero(encoding.oov))
            yield encoding.ids
        if not self.text_end:
            yield np.array([EOS], np.int32)

    def split(self, validation_fraction: float) -> tuple[Corpus, Corpus]:
        """Split off the last lines (texts, characters), rounded up; of a single line its last words.

        Raises InvalidInput if either part is empty.
        """
        if not 0 < validation_fraction < 1:
            raise InvalidInput("validation_fraction", f"must lie between 0 and 1, not {validation_fraction!r}")
        units = sum(self._unit_count(chunk) for chunk in self.chunks())
        if self.text_end and (units == 1 or self.cuts_line):
            return self._split_line(validation_fraction)
        # A fraction is exact where a float is not: 0.07 of 100 lines are 7, not 7.000000000000001 and so 8.
        train_units = units - ceil(units * Fraction(str(validation_fraction)))
        if not 0 < train_units < units:
            message = f"must leave text on both sides; {validation_fraction!r} of {units} does not"
            raise InvalidInput("validation_fraction", message)
        border = self.start + train_units
        return replace(self, stop=border), replace(self, start=border)

    def _split_line(self, validation_fraction: float) -> tuple[Corpus, Corpus]:
        """Split the only line of the text between two words, near its last characters, rounded up."""
        sizes = [(position, len(chunk)) for position, chunk in self._pieces()]
        begin, end = sizes[0][0], sum(sizes[-1])
        target = end - ceil((end - begin) * Fraction(str(validation_fraction)))
        border = find_border(self._pieces(), target)
        if border is None:
            raise InvalidInput("validation_fraction", "must leave text on both sides, and the text is a single word")
        part = replace(self, start=begin, stop=end, cuts_line=True)
        return replace(part, stop=border), replace(part, start=border)

    def sha256(self) -> str:
        """Return the hash of the files' bytes one after the other, as `cat FILES | sha256sum` prints it."""
        digest = hashlib.sha256()
        for path in self.files:
            try:
                with open_regular(path) as file:
                    hashlib.file_digest(file, lambda: digest)
            except OSError as error:
                raise InvalidInput("files", f"must be readable: {error}") from None
        return digest.hexdigest()

    def _clean_chunks(self) -> Iterator[str]:
        marks = self.sentence_marks
        for path in self.files:
            chunks = self._raw_chunks(path)
            yield from map(marks.remove_from, chunks) if any(marks) else chunks

    def _raw_chunks(self, path: Path, block_bytes: int | None = None) -> Iterator[str]:
        """Yield the text of a file as `LineReader` cleans it."""
        reader = open_reader(self.config, self.empty_lines, str(path), self.encoding)
        return clean_blocks(read_blocks(path, block_bytes), reader)

    def _unit_count(self, chunk: str) -> int:
        return chunk.count(self.text_end) if self.text_end and not self.cuts_line else len(chunk)

    def _pieces(self) -> Iterator[tuple[int, str]]:
        """Yield the text between `start` and `stop`, each chunk with its place in characters."""
        position = unit = 0
        for chunk in self._clean_chunks():
            if self.stop is not None and unit >= self.stop:
                break
            begin = self._offset_of_unit(chunk, self.start - unit)
            end = len(chunk) if self.stop is None else self._offset_of_unit(chunk, self.stop - unit)
            if begin < end:
                yield position + begin, chunk[begin:end]
            unit += self._unit_count(chunk)
            position += len(chunk)

    def _offset_of_unit(self, chunk: str, unit: int) -> int:
        """Return where text or character number `unit` of `chunk` begins, clipped to its ends."""
        if not self.text_end or self.cuts_line or unit <= 0:
            return min(max(unit, 0), len(chunk))
        rest = chunk.split(self.text_end, unit)[unit:]
        return len(chunk) - len(rest[0]) if rest else len(chunk)
