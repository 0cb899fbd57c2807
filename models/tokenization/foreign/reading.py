"""Reading of a tokenizer's file of any kind: `read_tokenizer_file`, `read_foreign_document`."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from models.errors import InvalidInput
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import TokenModel
from models.tokenization.foreign.file_heads import HEAD_BYTES, is_sentence_piece
from models.tokenization.foreign.huggingface import HuggingFaceModel
from models.tokenization.foreign.sentence_piece import SentencePieceModel
from models.tokenization.foreign.word_list import parse_word_list
from models.tokenization.words.word_tokenizer import WordTokenizer
from models.utils.compression import open_decompressed

_JSON_OBJECT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"[^"\n]*"\s*:')
MAX_FILE_BYTES = 256 << 20
"""Largest file of a tokenizer; the largest that are published have some 40 MB."""


def read_tokenizer_file(config: TokenizerConfig) -> TokenModel:
    """Build the tokens of `config.file`: a `tokenizer.json`, a SentencePiece `.model` or a list of words.

    The file may be compressed. Raises InvalidInput, naming the field, for one that cannot be used.
    """
    assert config.file is not None
    content = _read(Path(config.file))
    if is_sentence_piece(content[:HEAD_BYTES]):
        return SentencePieceModel(_file_config(config, "SentencePiece model"), content)
    document = _parse_json(content)
    if document is not None:
        return HuggingFaceModel(_file_config(config, "tokenizer.json"), document)
    return _word_tokenizer(config, parse_word_list(content))


def read_foreign_document(config: TokenizerConfig, document: dict[str, Any]) -> TokenModel:
    """Build the tokens that a checkpoint's `tokenizer.json` holds, with the settings beside it."""
    if "file" in document["model"]:
        return SentencePieceModel.from_document(config, document)
    return HuggingFaceModel(config, document)


def _read(path: Path) -> bytes:
    try:
        with open_decompressed(path, "tokenizer") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput("tokenizer", f"must be a file that can be read, not {path} ({error.strerror})") from None
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInput("tokenizer", f"must be a file of at most {MAX_FILE_BYTES >> 20} MiB")
    return content


def _parse_json(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object that the file is, None for a file of another kind."""
    if not _JSON_OBJECT.match(content):
        return None
    try:
        document: dict[str, Any] = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("tokenizer", f"must be a tokenizer.json, and the file is no whole JSON ({error})") from None
    return document


def _file_config(config: TokenizerConfig, what: str) -> TokenizerConfig:
    """Return settings of a file's tokens. Raises InvalidInput for any that is for the file to decide."""
    allowed = ("kind", "file", "boundary", "closed")
    for field in fields(TokenizerConfig):
        if field.name not in allowed and getattr(config, field.name) != field.default:
            raise InvalidInput(field.name, f"is for the file to say, which is a {what}: leave it out")
    return replace(config, kind="file", file=None)


def _word_tokenizer(config: TokenizerConfig, words: list[str]) -> WordTokenizer:
    """Build the word tokenizer of a list. Raises InvalidInput for settings that are none of it."""
    if config.kind not in ("word", "file"):
        raise InvalidInput("kind", f"must be word: the file is a list of words, no {config.kind} tokenizer")
    for name in ("boundary", "min_count", "max_size"):
        if getattr(config, name) != getattr(TokenizerConfig, name):
            raise InvalidInput(name, "is not for a list of words, which is the vocabulary: leave it out")
    config = replace(config, kind="word", file=None)
    folded = WordTokenizer(config, SPECIAL_TOKENS).fold
    vocabulary = dict.fromkeys([*SPECIAL_TOKENS, *map(folded, words)])
    vocabulary.pop("<s>", None)
    return WordTokenizer(config, list(vocabulary))
