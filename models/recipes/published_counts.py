"""N-gram counts of published models, from which models are extended and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.checkpoint.counts_file import COUNTS_FILE
from models.checkpoint.load import load
from models.errors import CheckpointNotFound, InvalidInput
from models.ngram.counting.counts import Counts
from models.ngram.counting.merging import merge_counts
from models.ngram.model import NgramModel
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class PublishedCounts:
    """Counts that were published beside a model, with its tokenizer and the digests of its texts."""

    counts: Counts
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]


def read_published_counts(path: Path, order: int) -> PublishedCounts:
    """Read the counts of orders up to `order` beside the checkpoint at `path`, whose hash is verified.

    Raises InvalidInput where they do not go so far, CheckpointNotFound where there are none, and CheckpointDamaged.
    """
    checkpoint = load(path)
    table = checkpoint.model.counts if isinstance(checkpoint.model, NgramModel) else None
    if table is None:
        raise CheckpointNotFound(f"{path / COUNTS_FILE} is not there: its model was made without keeping counts")
    if table.order < order:
        raise InvalidInput("order", f"must be at most {table.order}, up to which {path.parent.name} was counted")
    truncated = Counts(table.levels[:order], checkpoint.tokenizer.vocabulary_size)
    return PublishedCounts(truncated, checkpoint.tokenizer, checkpoint.card.provenance.corpus)


def merge_published_counts(paths: Sequence[Path], order: int) -> PublishedCounts:
    """Merge the counts of several published models.

    Raises what `read_published_counts` and `merge_counts` raise, and InvalidInput where two tokenizers differ.
    """
    merged, *others = (read_published_counts(path, order) for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        if not merged.tokenizer.is_equivalent_to(other.tokenizer):
            raise InvalidInput("models", f"must have one vocabulary and tokenizer; that of {path} is another")
        counts = merge_counts(merged.counts, other.counts)
        merged = PublishedCounts(counts, merged.tokenizer, merged.corpus | other.corpus)
    return merged
