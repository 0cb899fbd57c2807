"""The module `models.recipes.published_counts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.checkpoint.counts_file import COUNTS_FILE, read_counts
from models.checkpoint.load import load
from models.errors import InvalidInput
from models.ngram.counting.counts import Counts
from models.ngram.counting.merging import merge_counts
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class PublishedCounts:
    """What a published model was made of."""

    counts: Counts
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]


def read_published_counts(path: Path, order: int) -> PublishedCounts:
    """The counts of orders up to `order` beside the checkpoint at `path`, whose hash is checked.

    Raises InvalidInput where they do not go so far; CheckpointNotFound where there are none, CheckpointDamaged.
    """
    opened = load(path)
    counts = read_counts(path / COUNTS_FILE, opened.tokenizer.vocabulary_size, opened.card.files.get(COUNTS_FILE))
    if len(counts.levels) < order:
        raise InvalidInput("order", f"must be at most {len(counts.levels)}, up to which {path.parent.name} was counted")
    corpus = opened.card.provenance.corpus
    return PublishedCounts(Counts(counts.levels[:order], counts.vocabulary_size), opened.tokenizer, corpus)


def merge_published_counts(paths: Sequence[Path], order: int) -> PublishedCounts:
    """What several published models were made of, together. Raises what `read_published_counts` and `merge` do,
    and InvalidInput where two do not read text alike."""
    first, *others = (read_published_counts(path, order) for path in paths)
    for path, base in zip(paths[1:], others, strict=True):
        if not first.tokenizer.is_equivalent_to(base.tokenizer):
            raise InvalidInput("models", f"must have one vocabulary and tokenizer; that of {path} is another")
        first = PublishedCounts(merge_counts(first.counts, base.counts), first.tokenizer, first.corpus | base.corpus)
    return first
