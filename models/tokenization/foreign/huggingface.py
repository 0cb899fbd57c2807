"""Tokens of a Hugging Face `tokenizer.json`, split by the `tokenizers` library: `HuggingFaceModel`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.errors import InvalidInput
from models.special_tokens import UNK_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import TokenModel
from models.tokenization.foreign.file_vocabulary import FileVocabulary
from models.tokenization.foreign.model import ForeignModel, TokenSpan, is_special
from models.tokenization.foreign.regex_safety import check_patterns
from models.tokenization.foreign.replacement_safety import check_replacements
from models.tokenization.foreign.spelling import BYTE_TOKEN, Spelling
from models.tokenization.raw_text import no_panic

_NEEDS_UNKNOWN = ("WordLevel", "WordPiece", "Unigram")
"""Models that fail at a text that their vocabulary cannot write, unless they have an unknown token."""

_BLANKS = " a b "
"""Text that only a normalizer changes that takes blanks away or writes them otherwise."""


class HuggingFaceModel(ForeignModel):
    """Splitter of text into the tokens of a `tokenizer.json`, by the library that wrote it.

    Padding, truncation and dropout, which are for training networks, are left out: they would lose text.
    """

    def __init__(self, config: TokenizerConfig, document: dict[str, Any]) -> None:
        """Read the content of a file. Raises InvalidInput for one that `tokenizers` does not read, or refuses."""
        self._document = _without_training(document)
        check_patterns(self._document)
        check_replacements(self._document)
        self._tokenizer = _parse(self._document)
        tokens = {i: token for token, i in self._tokenizer.get_vocab(with_added_tokens=True).items()}
        if len(tokens) != self._tokenizer.get_vocab_size(with_added_tokens=True):
            raise InvalidInput("tokenizer", "must give each id to one token; the file gives one to several")
        special = [token.content for token in self._tokenizer.get_added_tokens_decoder().values() if token.special]
        unknown = _unknown_token(self._document["model"], set(tokens.values()), special)
        super().__init__(config, FileVocabulary.of_file(tokens, special, unknown, config.boundary))
        self._added = {token.content for token in self._tokenizer.get_added_tokens_decoder().values()}
        self._spelling = Spelling.of_document(self._document)
        self.encode("a")  # a file that cannot encode at all is refused now

    def encode_lines(self, lines: list[str]) -> Iterator[list[int]]:
        """Return the file's ids of each of `lines`. Raises InvalidText where a pattern takes too long."""
        with no_panic("the tokenizer's file"):
            encodings = self._tokenizer.encode_batch_fast(lines, add_special_tokens=False)
        return (encoding.ids for encoding in encodings)

    def line_spans(self, line: str) -> list[TokenSpan]:
        """Return the tokens of a line with their places. Raises InvalidText where a pattern takes too long."""
        with no_panic("the tokenizer's file"):
            encoding = self._tokenizer.encode(line, add_special_tokens=False)
        return [TokenSpan(i, *span) for i, span in zip(encoding.ids, encoding.offsets, strict=True)]

    def decode_line(self, file_ids: list[int]) -> str:
        """Return the text of tokens, special ones by their names, by the file's decoder."""
        return str(self._tokenizer.decode(file_ids, skip_special_tokens=False))

    def fold(self, form: str) -> str:
        """Return typed text as the file's normalizer writes it; one that changes blanks is passed over."""
        normalizer = self._tokenizer.normalizer
        if normalizer is None or normalizer.normalize_str(_BLANKS) != _BLANKS:
            return form
        return "\n".join(map(normalizer.normalize_str, form.split("\n")))

    def token_bytes(self, token: int) -> bytes:
        """Return the UTF-8 bytes that a token writes inside a text; of a special token, those of its name."""
        name = self.vocabulary[token]
        is_name = is_special(token) or (name in self._added and not BYTE_TOKEN.fullmatch(name))
        return name.encode() if is_name else self._spelling.to_bytes(name)

    def is_equivalent_to(self, other: TokenModel) -> bool:
        """Whether both come of equal files and have one boundary."""
        return (
            isinstance(other, HuggingFaceModel)
            and (self.config, self.vocabulary) == (other.config, other.vocabulary)
            and self._document == other._document
        )

    def pipeline_document(self) -> dict[str, Any]:
        """See `TokenModel`; it is the file itself."""
        return self._document

    def document(self) -> dict[str, Any]:
        """Return the content of the file, with our settings beside it; plain `tokenizers` reads it, too."""
        return self._document | {"model": self._document["model"] | {"nextword": asdict(self.config)}}


def _without_training(document: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a file without what serves the training of networks."""
    if not isinstance(document.get("model"), dict):
        raise InvalidInput("tokenizer", "must be a tokenizer.json, and the file is another JSON without a `model`")
    model = {key: value for key, value in document["model"].items() if key not in ("nextword", "file")}
    if model.get("dropout"):
        model["dropout"] = None
    return document | {"model": model, "padding": None, "truncation": None}


def _parse(document: dict[str, Any]) -> HuggingFaceTokenizer:
    try:
        with no_panic("the tokenizer's file"):
            tokenizer = HuggingFaceTokenizer.from_str(json.dumps(document))
    except Exception as error:  # `tokenizers` raises no narrower one
        raise InvalidInput("tokenizer", f"must be a tokenizer.json that `tokenizers` reads: {error}") from None
    tokenizer.encode_special_tokens = True  # special tokens that are typed in a text are text
    return tokenizer


def _unknown_token(model: dict[str, Any], tokens: set[str], special: list[str]) -> str | None:
    """Return the token that stands for what the vocabulary lacks, None where it lacks nothing."""
    unknown = model.get("unk_token")
    if model.get("type") == "Unigram" and isinstance(model.get("unk_id"), int):
        unknown = model["vocab"][model["unk_id"]][0]
    if unknown in tokens:
        return str(unknown)
    if model.get("type") in _NEEDS_UNKNOWN:
        raise InvalidInput("tokenizer", f"must name a token for unknown text in a {model['type']} vocabulary")
    return UNK_TOKEN if UNK_TOKEN in special else None
