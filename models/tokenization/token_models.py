"""The `TokenModel` of each kind of tokens: built of a vocabulary, trained, or read from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from models.errors import InvalidInput
from models.special_tokens import EOS, EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization.bpe_tokenizer import BpeTokenizer
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import Merges
from models.tokenization.encoding import TokenModel
from models.tokenization.foreign.reading import read_foreign_document, read_tokenizer_file
from models.tokenization.foreign.unigram import UnigramModel, train_unigram
from models.tokenization.tokenizer_file import read_own_document, stored_config
from models.tokenization.trainer import train_vocabulary
from models.tokenization.words.word_tokenizer import WordTokenizer

_BUILDERS: dict[str, Callable[[TokenizerConfig, Sequence[str], Merges], TokenModel]] = {
    "word": lambda config, vocabulary, _: WordTokenizer(config, vocabulary),
    "character": lambda config, vocabulary, _: CharacterTokenizer(config, vocabulary),
    "bpe": BpeTokenizer,
}


def build_token_model(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> TokenModel:
    """Build the model of `config.kind`. Raises InvalidInput where `vocabulary` is none for it."""
    if config.kind not in _BUILDERS:
        raise InvalidInput("kind", f"must be one of {', '.join(_BUILDERS)} to be built of a vocabulary alone")
    if list(vocabulary[: EOS + 1]) != SPECIAL_TOKENS:
        raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
    if len(set(vocabulary)) != len(vocabulary):
        raise InvalidInput("vocabulary", "must not hold a token twice")
    return _BUILDERS[config.kind](config, vocabulary, merges)


def train_token_model(config: TokenizerConfig, text: Iterable[str]) -> TokenModel:
    """Train the model of `config.kind` on `text`, in chunks of whole lines, or read that of `config.file`.

    Raises TrainingFailed where no token is left, InvalidInput for a file that cannot be used.
    """
    if config.file is not None:
        return read_tokenizer_file(config)
    if config.kind == "file":
        raise InvalidInput("file", "must name the file of the tokenizer")
    if config.kind == "unigram":
        return train_unigram(config, text)
    return build_token_model(config, *train_vocabulary(config, text))


def read_document(document: dict[str, Any]) -> TokenModel:
    """Build the model whose `document` this is.

    Raises InvalidInput for settings and vocabularies that are not accepted, and for a document of another form whatever
    reading it raises.
    """
    config = stored_config(document)
    if config.kind == "file":
        return read_foreign_document(config, document)
    if config.kind == "unigram":
        return UnigramModel.from_document(config, document)
    return build_token_model(*read_own_document(document))
