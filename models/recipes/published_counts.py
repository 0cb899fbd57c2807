"""N-gram counts of published models, from which models are extended and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from models.checkpoint.card import CARD_FILE, Card, FileDigest, Provenance
from models.checkpoint.counts_file import COUNTS_FILE
from models.checkpoint.load import load
from models.checkpoint.repository import CheckpointRef
from models.errors import CheckpointNotFound, InvalidInput
from models.ngram.counting.counts import Counts
from models.ngram.counting.merging import merge_counts
from models.ngram.model import NgramModel
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class PublishedCounts:
    """Counts that were published beside a model, its tokenizer, and the digests of its texts."""

    counts: Counts
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]
    """The texts by name; for a model that extends another, with whatever that one's card names."""


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
    return PublishedCounts(truncated, checkpoint.tokenizer, counted_texts(checkpoint.card.provenance))


def merge_published_counts(paths: Sequence[Path], order: int) -> PublishedCounts:
    """Merge the counts of several published models. A path that comes twice is counted twice.

    Raises what `read_published_counts` and `merge_counts` raise, and InvalidInput where two tokenizers differ.
    """
    merged, *others = (read_published_counts(path, order) for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        if not merged.tokenizer.is_equivalent_to(other.tokenizer):
            raise InvalidInput("models", f"must have one vocabulary and tokenizer; that of {path} is another")
        counts = merge_counts(merged.counts, other.counts)
        merged = PublishedCounts(counts, merged.tokenizer, _all_texts(merged.corpus, other.corpus, path))
    return merged


def repeated_texts(refs: Sequence[CheckpointRef]) -> list[str]:
    """Return a sentence on each pair of models of the same text, which merging would count twice.

    Two models that extend one base are such a pair, and a model that is named twice is one with itself.
    """
    origins = [(ref.id, Card.read(ref.path / CARD_FILE).provenance) for ref in refs]
    sentences = []
    for (first, a), (second, b) in combinations(origins, 2):
        digests = counted_texts(b).values()
        shared = [name for name, digest in counted_texts(a).items() if digest in digests]
        base = a.recipe.get("extends")
        cause = f" (both extend {base})" if base and base == b.recipe.get("extends") and first != second else ""
        if shared:
            sentences.append(f"{first} and {second} were both made of {', '.join(shared)}{cause}")
    return sentences


def counted_texts(provenance: Provenance) -> dict[str, FileDigest]:
    """Return the digests of the texts that a model learned from, by its card without validation."""
    validation = provenance.recipe.get("validation")
    names = {validation, Path(validation).name} if isinstance(validation, str) else set()
    files = provenance.recipe.get("files")
    learned = {name for file in files if isinstance(file, str) for name in (file, Path(file).name)} if files else set()
    return {name: digest for name, digest in provenance.corpus.items() if name not in names - learned}


def _all_texts(a: dict[str, FileDigest], b: dict[str, FileDigest], path: Path) -> dict[str, FileDigest]:
    """Return the digests of both, those of `b` under the model's name where names collide."""
    model = CheckpointRef.from_path(path).id
    return a | {name if a.get(name, digest) == digest else f"{model}/{name}": digest for name, digest in b.items()}
