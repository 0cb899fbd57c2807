"""The `TokenModel` of each kind of tokens, built of a vocabulary or read from a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from models.errors import InvalidInput
from models.special_tokens import EOS, EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization.bpe_tokenizer import BpeTokenizer
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import TokenModel
from models.tokenization.pipeline import Merges
from models.tokenization.tokenizer_file import read_own_document
from models.tokenization.words.word_tokenizer import WordTokenizer

_BUILDERS: dict[str, Callable[[TokenizerConfig, Sequence[str], Merges], TokenModel]] = {
    "word": lambda config, vocabulary, _: WordTokenizer(config, vocabulary),
    "character": lambda config, vocabulary, _: CharacterTokenizer(config, vocabulary),
    "bpe": BpeTokenizer,
}


def build_token_model(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> TokenModel:
    """Build the model of `config.kind`. Raises InvalidInput where `vocabulary` is none for it."""
    if list(vocabulary[: EOS + 1]) != SPECIAL_TOKENS:
        raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
    if len(set(vocabulary)) != len(vocabulary):
        raise InvalidInput("vocabulary", "must not hold a token twice")
    return _BUILDERS[config.kind](config, vocabulary, merges)


def read_document(document: dict[str, Any]) -> TokenModel:
    """Build the model whose `document` this is. Raises InvalidInput, or what a malformed one makes Python raise."""
    return build_token_model(*read_own_document(document))
