"""Left context of a word that is being typed: what is read, and the letters of the word itself."""

from __future__ import annotations

from typing import NamedTuple

from models.tokenization.continuations.typed_text import last_word
from models.tokenization.raw_text import WHITESPACE
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array

MAX_ANCHOR_CHARS = 64
"""End of the context behind which words are tokenized; what stands further back does not change their tokens."""
_BLANKS = WHITESPACE.replace("\n", "")


class LeftContext(NamedTuple):
    """Text before a word, and how the word's tokens stand behind it.

    read: the text that the model reads, without the blank before the word.
    prefix: letters typed of the word.
    anchor: the end of the text read; empty where the word begins a line.
    begins_with_blank: whether the word's first token writes a blank.
    """

    read: str
    prefix: str
    anchor: bytes
    begins_with_blank: bool

    @property
    def begins_line(self) -> bool:
        """Whether no blank stands before the word."""
        return not self.anchor


class WordTokens:
    """Words as the tokens of one tokenizer.

    boundary_tokens: ids of the tokens before which a word ends; None where each token is a word.

    >>> from models.tokenization.config import TokenizerConfig
    >>> words = WordTokens(Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "do", "n't"]))
    >>> words.encode(words.split("I ", "do"), "don't")
    (2, 3)
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.boundary_tokens: Int64Array | None = tokenizer.boundary_tokens
        self.table = tokenizer.continuations.spelling_table

    @property
    def has_blanks(self) -> bool:
        """Whether tokens bring the blank before a word along."""
        return self.boundary_tokens is not None

    def split(self, context: str, prefix: str, *, heal: bool = False) -> LeftContext:
        """Part a context and a prefix into what is read and the letters of the last word.

        heal: whether the unfinished last word of the context belongs to the prefix.
        """
        text = context + prefix if heal else f"{context} {prefix}"
        line = text.rfind("\n") + 1
        _, word = last_word(text, line)
        if not heal and not prefix:
            word = len(text)
        read, letters = text[:word].rstrip(_BLANKS), self.tokenizer.continuations.fold(text[word:])
        if not self.has_blanks:
            return LeftContext(read, letters, b"", begins_with_blank=False)
        anchor = read[max(last_word(read, line)[1], len(read) - MAX_ANCHOR_CHARS) :]
        begins_with_blank = bool(anchor) or self._adds_blank
        return LeftContext(read, letters, anchor.encode(), begins_with_blank)

    @property
    def _adds_blank(self) -> bool:
        """Whether the tokenizer writes a blank before a word that begins a line."""
        if self.tokenizer.config.kind != "file":
            return False
        ids = self.tokenizer.encode("a").ids
        return bool(len(ids)) and self.tokenizer.token_bytes(int(ids[0])).startswith(b" ")

    def encode(self, left: LeftContext, word: str) -> tuple[int, ...]:
        """Return the ids of a word behind a context, `<unk>` for what the vocabulary lacks."""
        if left.begins_line:
            return tuple(self.tokenizer.encode(word).ids.tolist())
        return self.tokenizer.continuations.encode_after(left.anchor, b" " + word.encode())

    def spell(self, left: LeftContext, tokens: tuple[int, ...]) -> str:
        """Return the text of the tokens of one word, U+FFFD for bytes that are no whole character."""
        text = b"".join(map(self.tokenizer.token_bytes, tokens)).decode(errors="replace")
        return text[left.begins_with_blank :]

    def join_rest(self, word: tuple[int, ...], rest: tuple[int, ...]) -> str:
        """Return the text of the words behind the first one of a phrase, with what stands between."""
        if self.has_blanks:
            return b"".join(map(self.tokenizer.token_bytes, rest)).decode(errors="replace")
        return "".join(map(self.tokenizer.detokenizer(word).push, rest))

    def is_encoding(self, left: LeftContext, tokens: tuple[int, ...]) -> bool:
        """Whether the tokenizer finds these tokens in their own text."""
        if self.tokenizer.config.kind == "character":
            return True
        text = b"".join(map(self.tokenizer.token_bytes, tokens))
        if left.begins_line:
            text = text[left.begins_with_blank :]
        return self.tokenizer.continuations.encode_after(left.anchor, text) == tokens
