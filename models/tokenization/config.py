"""Configuration of tokenizers: `TokenizerConfig`, and the characters that write bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InvalidInput

TokenKind: TypeAlias = Literal["word", "character", "bpe", "unigram", "file"]
Normalization: TypeAlias = Literal["nfc", "nfkc", "accents", "digits", "penn_quotes", "punctuation", "ccnet"]
Texts: TypeAlias = Literal["whole", "paragraphs", "lines"]

_PRINTABLE_BYTES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_TO_UNICODE = [
    chr(byte) if byte in _PRINTABLE_BYTES else chr(0x100 + byte - sum(shown < byte for shown in _PRINTABLE_BYTES))
    for byte in range(0x100)
]
"""Printable character that stands for each byte in the tokens of bpe, as in GPT-2 (Radford et al. 2019)."""
NEWEST_RULES = 3
"""Edition of the rules by which new tokenizers split text."""
DEFAULT_BPE_SIZE = 8000
"""Vocabulary size of a bpe tokenizer whose `max_size` is None."""


@dataclass(frozen=True)
class TokenizerConfig:
    """Settings of a tokenizer: how it splits text, and which tokens make its vocabulary.

    Raises InvalidInput naming the field.

    kind: "word" (letters and digits, contractions, runs of punctuation), "character", "bpe" or "unigram" (parts of
        words), or "file" (those of `file`).
    lowercase: fold case first.
    pretokenized: the text was tokenized before; split at white space only (words only).
    min_count: tokens rarer than this in the training text stay out of the vocabulary.
    max_size: largest size of the whole vocabulary, `<unk>` and `</s>` included; None for no limit (bpe and unigram:
        8,000).
    normalize: changes made to text before it is split, in this order: nfc, nfkc (composed characters of Unicode),
        accents (removes them), digits (each becomes 0), penn_quotes (double quotes become `` and ''; words only),
        punctuation (typographic quotes, dashes and ellipses become plain ones), ccnet (as CCNet's filters read text).
    control_tokens: `<s>`, `</s>` and `<unk>` typed in text are these tokens; otherwise they are text like any other.
    closed: the vocabulary is all there is: `<unk>` has no probability.
    rules: edition of the rules that split text; files written before there were editions have 1.
    texts: characters only, what they take for a text, which ends in `</s>`: the "whole" of it; "paragraphs", whose
        blank lines between them are `</s>`; "lines", whose newlines are `</s>`, as they are to all other kinds.
    file: a file that defines the tokens: a Hugging Face `tokenizer.json`, a SentencePiece `.model`, or a list of words,
        one a line, which is the vocabulary of a word tokenizer.
    boundary: the token of `file` that stands between texts, where it has several that might.
    """

    kind: TokenKind = "word"
    lowercase: bool = False
    pretokenized: bool = False
    min_count: int = 1
    max_size: int | None = None
    texts: Texts = "whole"
    normalize: tuple[Normalization, ...] = ()
    control_tokens: bool = False
    closed: bool = False
    rules: int = NEWEST_RULES
    file: str | None = None
    boundary: str | None = None

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, get_args(TokenKind))
        _check_choice("texts", self.texts, get_args(Texts))
        _check_choice("rules", self.rules, range(1, NEWEST_RULES + 1))
        for field in ("lowercase", "pretokenized", "control_tokens", "closed"):
            if not isinstance(getattr(self, field), bool):
                raise InvalidInput(field, f"must be true or false, not {getattr(self, field)!r}")
        object.__setattr__(self, "normalize", _check_normalize(self.normalize))
        self._check_kind()
        _check_integer("min_count", self.min_count, at_least=1)
        if self.max_size is not None:
            # Parts of words: the two special tokens, every byte and at least one merge or piece.
            parts = self.kind in ("bpe", "unigram")
            _check_integer("max_size", self.max_size, at_least=len(BYTE_TO_UNICODE) + 3 if parts else 3)

    def _check_kind(self) -> None:
        """Raise InvalidInput for settings that are not for the kind of tokens."""
        if self.boundary is not None and self.file is None and self.kind != "file":
            raise InvalidInput("boundary", f"is for a tokenizer of a file: to {self.kind} tokens it is </s>")
        if self.pretokenized and self.kind != "word":
            raise InvalidInput("pretokenized", f"must be false for a {self.kind} tokenizer: it keeps no words apart")
        if self.control_tokens and self.kind == "character":
            raise InvalidInput("control_tokens", "must be false for a character tokenizer: each character is a token")
        if self.control_tokens and self.kind == "unigram":
            raise InvalidInput("control_tokens", "must be false for a unigram tokenizer: its pieces are all text")
        if self.texts != "whole" and self.kind != "character":
            raise InvalidInput("texts", f"is for characters: to a {self.kind} tokenizer every line is a text")
        if "penn_quotes" in self.normalize and self.kind != "word":
            raise InvalidInput("normalize", f"must be without penn_quotes for a {self.kind} tokenizer: they are words")

    @property
    def has_lines(self) -> bool:
        """Whether a newline is `</s>`, as to all but character tokenizers; to these only if lines are texts."""
        return self.kind != "character" or self.texts == "lines"

    @property
    def is_sub_word(self) -> bool:
        """Whether tokens are parts of words, of which most begin with the blank before their word."""
        return self.kind in ("bpe", "unigram", "file")

    @property
    def text_end(self) -> str:
        """Characters that `</s>` stands for; empty where it stands for none but the end of the whole text."""
        return "\n" if self.has_lines else "\n\n" if self.texts == "paragraphs" else ""


def _check_choice(field: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices or isinstance(value, bool):
        raise InvalidInput(field, f"must be one of {', '.join(map(str, choices))}, not {value!r}")


def _check_normalize(names: object) -> tuple[Normalization, ...]:
    """Return the changes in the order in which they are made. Raises InvalidInput for unknown ones."""
    known: tuple[Normalization, ...] = get_args(Normalization)
    if not isinstance(names, list | tuple) or any(name not in known or names.count(name) > 1 for name in names):
        raise InvalidInput("normalize", f"must list some of {', '.join(known)}, each once, not {names!r}")
    return tuple(name for name in known if name in names)


def _check_integer(field: str, value: object, at_least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise InvalidInput(field, f"must be a whole number of at least {at_least}, not {value!r}")
