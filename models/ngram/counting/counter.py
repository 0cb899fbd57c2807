"""What an n-gram recipe counts: a text in memory or within a budget, alone or on top of what a model was made of.

It knows which vocabulary reads the text and how counts come together. It does not know recipes or smoothings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from models.checkpoint.card import FileFacts
from models.checkpoint.counts_file import COUNTS_FILE, read
from models.checkpoint.load import load
from models.data.corpus import Corpus, EncodedCorpus
from models.errors import InvalidInput
from models.ngram.counting.budget import block_tokens, count_within
from models.ngram.counting.counts import Counts, count
from models.ngram.counting.merging import merge
from models.ngram.counting.suffix_array import Ints
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.utils.files import on_disk


@dataclass(frozen=True, eq=False)
class Base:
    """What a published model was made of."""

    counts: Counts
    tokenizer: Tokenizer
    corpus: dict[str, FileFacts]


def base_of(path: Path, order: int) -> Base:
    """The counts of orders up to `order` beside the checkpoint at `path`, whose hash is checked.

    Raises InvalidInput where they do not go so far; CheckpointNotFound where there are none, CheckpointDamaged.
    """
    opened = load(path)
    counts = read(path / COUNTS_FILE, opened.tokenizer.size, opened.card.files.get(COUNTS_FILE))
    if len(counts.levels) < order:
        raise InvalidInput("order", f"must be at most {len(counts.levels)}, up to which {path.parent.name} was counted")
    corpus = opened.card.provenance.corpus
    return Base(Counts(counts.levels[:order], counts.vocabulary_size), opened.tokenizer, corpus)


def merged(paths: Sequence[Path], order: int) -> Base:
    """What several published models were made of, together. Raises what `base_of` and `merge` do, and InvalidInput
    where two do not read text alike."""
    first, *others = (base_of(path, order) for path in paths)
    for path, base in zip(paths[1:], others, strict=True):
        if not first.tokenizer.same(base.tokenizer):
            raise InvalidInput("models", f"must have one vocabulary and tokenizer; that of {path} is another")
        first = Base(merge(first.counts, base.counts), first.tokenizer, first.corpus | base.corpus)
    return first


@dataclass(frozen=True)
class Counter:
    """Reads and counts within `memory` (bytes, None for no limit), on disk in `folder` what does not fit."""

    memory: int | None
    folder: Path

    @classmethod
    def of(cls, memory: int | None, folder: Path | None) -> Counter:
        """With the system's own place for what is temporary where there is no `folder`."""
        place = folder or Path(gettempdir())
        place.mkdir(parents=True, exist_ok=True)
        return cls(memory, place)

    def read(self, text: Corpus, config: TokenizerConfig, known: Tokenizer | None) -> tuple[Tokenizer, EncodedCorpus]:
        """The tokenizer, `known` or learnt from the text, and the ids. Raises what `Corpus.learn` does."""
        if self.memory is None and known is None:
            return text.learn(config)
        tokenizer = known or Tokenizer.train(config, text.chunks())
        return tokenizer, text.encode(tokenizer, None if self.memory is None else self.folder)

    def count(self, ids: Ints, order: int, vocabulary_size: int) -> Counts:
        """The counts of a text. Raises TrainingFailed where it is empty."""
        if self.memory is None:
            return count(ids, order, vocabulary_size)
        return count_within(ids, order, vocabulary_size, block_tokens(self.memory, order), self.folder)

    def add(self, first: Counts, second: Counts) -> Counts:
        """Both together. Raises InvalidInput where they do not fit each other."""
        return merge(first, second, np.empty if self.memory is None else on_disk(self.folder))
