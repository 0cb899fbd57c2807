"""Vocabularies: which surface forms of a text get ids, in which order, and what else a list of tokens must fulfil.

It knows tokens and how often they came; it does not know how they were cut.
"""

from __future__ import annotations

from collections import Counter

from models.errors import InvalidInput, TrainingFailed
from models.language_model import EOS
from models.tokenization.pipeline import EOS_TOKEN, SPECIALS, UNK_TOKEN, TokenizerConfig


def vocabulary_of(config: TokenizerConfig, counts: Counter[str]) -> list[str]:
    """The tokens by id, those of a text by falling count, then in order. Raises TrainingFailed where none is left."""
    ordinary = [t for t, n in counts.items() if n >= config.min_count and t not in SPECIALS]
    if not ordinary:
        raise TrainingFailed(f"no token of the training text occurs {config.min_count} times: no vocabulary to build")
    ordinary.sort(key=lambda token: (-counts[token], token))
    return [*SPECIALS, *ordinary][: config.max_size]


def check(config: TokenizerConfig, vocabulary: list[str]) -> None:
    """Raise InvalidInput unless `vocabulary` is one for `config`."""
    if vocabulary[: EOS + 1] != SPECIALS:
        raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
    if len(set(vocabulary)) != len(vocabulary):
        raise InvalidInput("vocabulary", "must not hold a token twice")
    if config.kind == "character" and any(len(token) != 1 for token in vocabulary[EOS + 1 :]):
        raise InvalidInput("vocabulary", "must hold single characters for a character tokenizer")
