"""Configuration of tokenizers: `TokenizerConfig`, and the characters that write bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

TokenKind: TypeAlias = Literal["word", "character", "bpe"]
Texts: TypeAlias = Literal["whole", "paragraphs", "lines"]

_PRINTABLE_BYTES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_TO_UNICODE = [
    chr(byte) if byte in _PRINTABLE_BYTES else chr(0x100 + byte - sum(shown < byte for shown in _PRINTABLE_BYTES))
    for byte in range(0x100)
]
"""Printable character that stands for each byte in the tokens of bpe, as in GPT-2 (Radford et al. 2019)."""
DEFAULT_BPE_SIZE = 8000
"""Vocabulary size of a bpe tokenizer whose `max_size` is None."""


@dataclass(frozen=True)
class TokenizerConfig:
    """Settings of a tokenizer: how it splits text, and which tokens make its vocabulary.

    Raises InvalidInput naming the field.

    kind: "word" (letters and digits, contractions, runs of punctuation), "character", or "bpe" (parts of words).
    lowercase: fold case first.
    pretokenized: the text was tokenized before; split at white space only (words only).
    min_count: tokens rarer than this in the training text stay out of the vocabulary.
    max_size: largest size of the whole vocabulary, `<unk>` and `</s>` included; None for no limit (bpe: 8,000).
    texts: characters only, what they take for a text, which ends in `</s>`: the "whole" of it; "paragraphs", whose
        blank lines between them are `</s>`; "lines", whose newlines are `</s>`, as they are to all other kinds.
    """

    kind: TokenKind = "word"
    lowercase: bool = False
    pretokenized: bool = False
    min_count: int = 1
    max_size: int | None = None
    texts: Texts = "whole"

    def __post_init__(self) -> None:
        if self.kind not in get_args(TokenKind):
            raise InvalidInput("kind", f"must be one of {', '.join(get_args(TokenKind))}, not {self.kind!r}")
        for field in ("lowercase", "pretokenized"):
            if not isinstance(getattr(self, field), bool):
                raise InvalidInput(field, f"must be true or false, not {getattr(self, field)!r}")
        if self.pretokenized and self.kind != "word":
            raise InvalidInput("pretokenized", f"must be false for a {self.kind} tokenizer: it keeps no words apart")
        if self.texts not in get_args(Texts):
            raise InvalidInput("texts", f"must be one of {', '.join(get_args(Texts))}, not {self.texts!r}")
        if self.texts != "whole" and self.kind != "character":
            raise InvalidInput("texts", f"is for characters: to a {self.kind} tokenizer every line is a text")
        _check_integer("min_count", self.min_count, at_least=1)
        if self.max_size is not None:
            # A bpe vocabulary holds the two special tokens, every byte and at least one merge.
            _check_integer("max_size", self.max_size, at_least=len(BYTE_TO_UNICODE) + 3 if self.kind == "bpe" else 3)

    @property
    def has_lines(self) -> bool:
        """Whether a newline is `</s>`; to character tokenizers it is an ordinary character, unless lines are texts."""
        return self.kind != "character" or self.texts == "lines"

    @property
    def text_end(self) -> str:
        """Characters that `</s>` stands for; empty where it stands for none but the end of the whole text."""
        return "\n" if self.has_lines else "\n\n" if self.texts == "paragraphs" else ""


def _check_integer(field: str, value: object, at_least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise InvalidInput(field, f"must be a whole number of at least {at_least}, not {value!r}")
