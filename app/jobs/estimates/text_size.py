"""`TextSize`: size of a text in tokens, words and n-grams, as far as estimates need it."""

from __future__ import annotations

from dataclasses import dataclass

from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.recipes.task_recipe import TaskRecipe
from models.tokenization.config import DEFAULT_BPE_SIZE, TokenizerConfig

BYTES_PER_WORD_TOKEN = 4
"""Bytes of text per word token, rounded down; in English 4.5 to 5.5, the space included."""
BYTES_PER_BPE_TOKEN = 3
"""Bytes of English text per bpe token, at the least; the most is 5."""
CHARACTER_VOCABULARY = 256
"""Largest likely vocabulary of a character model."""
LONGEST_TEXT_TOKENS = 512
"""Tokens of the longest example in a file that was not looked at, as a rule."""


@dataclass(frozen=True)
class TextSize:
    """Size of a text as a tokenizer reads it."""

    text_bytes: int
    tokens: int
    vocabulary: int
    ngrams: tuple[int, ...] = ()
    """Different n-grams of each order from 1; empty where nobody asked."""
    kept: tuple[int, ...] = ()
    """Those of them that a model's thresholds leave in."""
    longest: int = LONGEST_TEXT_TOKENS
    """Tokens of the longest example."""


def guess_size(recipe: Recipe, text_bytes: int, file_vocabulary: int | None = None) -> TextSize:
    """Return an upper estimate of the size of a text that was not looked at.

    `file_vocabulary`: size of the vocabulary in the tokenizer's file, None where the text makes one.
    """
    if file_vocabulary is None:
        tokens, vocabulary = tokens_and_vocabulary(recipe.tokenizer, text_bytes)
    else:
        tokens, vocabulary = max(1, text_bytes // BYTES_PER_BPE_TOKEN), file_vocabulary
    order = recipe.model.order if isinstance(recipe.model, NgramConfig) else 0
    ngrams = tuple(min(tokens, vocabulary**n) for n in range(1, order + 1))
    return TextSize(text_bytes, tokens, vocabulary, ngrams, ngrams)


def guess_examples(recipe: TaskRecipe, file_bytes: int) -> TextSize:
    """Return an upper estimate of the size of examples that were not looked at."""
    tokens, vocabulary = tokens_and_vocabulary(recipe.tokenizer, file_bytes)
    return TextSize(file_bytes, tokens, vocabulary, (vocabulary, tokens), (vocabulary, tokens))


def tokens_and_vocabulary(tokenizer: TokenizerConfig, text_bytes: int) -> tuple[int, int]:
    """Return token count and vocabulary size; words grow with the square root of the text (Heaps' law)."""
    if tokenizer.kind == "character":
        return text_bytes, CHARACTER_VOCABULARY
    if tokenizer.kind in ("bpe", "unigram"):
        return max(1, text_bytes // BYTES_PER_BPE_TOKEN), tokenizer.max_size or DEFAULT_BPE_SIZE
    tokens = max(1, text_bytes // BYTES_PER_WORD_TOKEN)
    return tokens, min(tokens + 2, tokenizer.max_size or tokens, int(30 * tokens**0.5) + 2)
