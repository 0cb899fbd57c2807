"""Texts whose tokens stand between blanks, as ids."""

from __future__ import annotations

from pathlib import Path

from models.data.bptt_batches import TokenIds
from models.data.corpus import Corpus
from models.tokenization.config import TokenizerConfig


def encode(train: Path, *others: Path) -> tuple[int, list[TokenIds]]:
    """Return the size of the vocabulary that a text makes, and the ids [N] of it and of other texts."""
    tokenizer, encoded = Corpus.open(train).train_tokenizer(TokenizerConfig(pretokenized=True))
    return tokenizer.vocabulary_size, [encoded.ids, *(Corpus.open(path).encode(tokenizer).ids for path in others)]
