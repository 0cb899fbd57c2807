"""Census of a shard: how often each surface form occurs in it, and by what settings it was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint.card import FileDigest
from models.data.corpus import Corpus
from models.data.encoded_corpus import SizeCounter
from models.data.encoding_names import UTF_8, check_encoding
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.recipes.map_reduce.work_folder import WorkFolder, altered, read_document, write_document
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import check_unicode
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.trainer import count_forms

_FORMAT = 1
_KINDS = ("word", "character")
"""Kinds of tokens whose vocabulary follows from the counts of their forms."""


@dataclass(frozen=True)
class Reading:
    """Settings by which all shards are read. Raises InvalidInput for some that shards cannot have.

    >>> Reading(TokenizerConfig("character", texts="lines")).tokenizer.kind
    'character'
    """

    tokenizer: TokenizerConfig
    empty_lines: EmptyLines = "keep"
    encoding: str = UTF_8

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        config = self.tokenizer
        if not config.has_lines:
            raise InvalidInput("texts", "must be lines: shards of characters are cut between lines")
        if config.file is None and config.kind not in _KINDS:
            reason = f"must be {' or '.join(_KINDS)}, or a file: the merges of {config.kind} are no sum of shards"
            raise InvalidInput("tokenizer", f"{reason}; train it on a sample and give the file of its export")

    def open(self, shard: Path, config: TokenizerConfig) -> Corpus:
        """Open a shard for a tokenizer of `config`. Raises InvalidInput where it is no file."""
        return Corpus.open(shard, config=config, empty_lines=self.empty_lines, encoding=self.encoding)

    def document(self) -> dict[str, Any]:
        """Return the settings, JSON-ready."""
        tokenizer = asdict(self.tokenizer)
        return {**asdict(self), "tokenizer": {**tokenizer, "normalize": list(tokenizer["normalize"])}}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Reading:
        """Build the settings from what `document` returned. Raises TypeError or InvalidInput."""
        return cls(**{**document, "tokenizer": TokenizerConfig(**document["tokenizer"])})


@dataclass(frozen=True)
class Census:
    """Counts of the surface forms of a shard."""

    path: str
    """The shard, as it was named."""
    digest: FileDigest
    reading: Reading
    marks: tuple[bool, bool]
    """Whether `<s>` and `</s>` around its lines were left out."""
    lines: int
    counts: Counter[str]

    @property
    def shard(self) -> str:
        """Name of the shard."""
        return Path(self.path).name

    def write(self, work: WorkFolder) -> Path:
        """Write the census and return its file. Raises InvalidInput where another shard has its name.

        Names that begin with a dot are those of unfinished files, and refused too.
        """
        if self.shard.startswith("."):
            raise InvalidInput("shard", f"must have a name that begins with no dot, and {self.shard} does")
        path = work.census(self.shard)
        if path.exists() and Census.read(path).digest != self.digest:
            reason = f"must have a name of its own: {path} is the census of other bytes; remove it if the shard changed"
            raise InvalidInput("shard", reason)
        content: dict[str, Any] = {"path": self.path, "digest": asdict(self.digest), "reading": self.reading.document()}
        content |= {"marks": list(self.marks), "lines": self.lines, "counts": dict(self.counts)}
        write_document({"format": _FORMAT, **content}, path)
        return path

    @classmethod
    def read(cls, path: Path) -> Census:
        """Read a census. Raises InvalidInput, naming the file, for one that is missing or altered."""
        content, _ = read_document(path, "run `nextword counts census` of its shard")
        try:
            begin, end = map(bool, content["marks"])
            counts, lines = content["counts"], content["lines"]
            if content["format"] != _FORMAT or not all(type(n) is int and n >= 0 for n in (lines, *counts.values())):
                raise altered(path)
            digest, reading = FileDigest(**content["digest"]), Reading.from_document(content["reading"])
            return cls(str(content["path"]), digest, reading, (begin, end), lines, Counter(counts))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise altered(path) from None


def take_census(shard: Path, reading: Reading) -> Census:
    """Count the forms of a shard; of a tokenizer's file, its tokens. Raises InvalidInput and InvalidText."""
    known = Tokenizer.train(reading.tokenizer, ()) if reading.tokenizer.file else None
    corpus = reading.open(shard, known.config if known else reading.tokenizer)
    size = SizeCounter()
    chunks = size.count(corpus.chunks())
    if known:
        occurrences = np.zeros(known.vocabulary_size, np.int64)
        for chunk in chunks:
            occurrences += np.bincount(known.encode(chunk).ids, minlength=known.vocabulary_size)
        counts = Counter(dict(zip(known.vocabulary, occurrences.tolist(), strict=True)))
    else:
        counts = count_forms(reading.tokenizer, map(check_unicode, chunks))
    begin, end = corpus.sentence_marks
    return Census(str(shard), FileDigest.of(shard), reading, (begin, end), size.lines, +counts)
