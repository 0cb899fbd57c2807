"""Texts with blanks, and the tokens that may stand in them.

A blank is a run of three or more underscores. Word tokenizers make it a token of its own ("a ___, b" has one,
"___ing" and "x___y" have none); to all others it is one wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from models.errors import InvalidInput, InvalidText
from models.model import TokenIds
from models.special_tokens import EOS, SPECIAL_TOKENS
from models.tasks.fill_in.query import MAX_BLANKS
from models.tasks.text import encode_raw_text
from models.tokenization.raw_text import BYTE_ORDER_MARK, unify_newlines
from models.tokenization.tokenizer import Tokenizer

_BLANK = re.compile(r"_{3,}")


def most_blanks(text: str) -> int:
    """Return how many blanks a text has at most, whatever the tokenizer.

    >>> most_blanks("a ___ bear and ___ing")
    2
    """
    return len(_BLANK.findall(text))


@dataclass(frozen=True)
class BlankedText:
    """Tokens of a text with n blanks.

    >>> from models.tokenization.config import TokenizerConfig
    >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a", "bear", "."])
    >>> text = BlankedText.of(tokenizer, "a ___ bear.")
    >>> text.spans, [segment.tolist() for segment in text.segments]
    (((2, 5),), [[2], [3, 4, 1]])
    """

    spans: tuple[tuple[int, int], ...]
    """Begin and end of each blank, in characters."""
    segments: tuple[TokenIds, ...]
    """Tokens before, between and after the blanks, n + 1 arrays; the last one ends with `</s>`."""
    spaced: tuple[bool, ...]
    """Whether the first token of each blank begins with a space: that of bpe, which stood before the blank."""

    @classmethod
    def of(cls, tokenizer: Tokenizer, text: str) -> BlankedText:
        """Tokenize a text. Raises InvalidText for one without a blank, or with more than MAX_BLANKS."""
        parse = _parse_words if tokenizer.config.kind == "word" else _parse_pieces
        result = parse(tokenizer, text)
        if not 1 <= len(result.spans) <= MAX_BLANKS:
            raise InvalidText("text", f"must hold 1 to {MAX_BLANKS} blanks, each written as ___ and standing as a word")
        return result

    def filled(self, tokens: Sequence[TokenIds]) -> TokenIds:
        """Return the ids of the text with `tokens` in its blanks."""
        parts = zip(self.segments, [*tokens, np.zeros(0, np.int64)], strict=True)
        return np.concatenate(list(chain.from_iterable(parts)))


@dataclass(frozen=True)
class Candidates:
    """Choices for a blank: C of them, of one or more tokens each."""

    tokens: TokenIds
    """[C, L], padded with zeros."""
    lengths: TokenIds
    """[C], at least 1."""
    oov: Sequence[bool] | None
    """[C] whether the vocabulary lacks a token of each; None: no choice has one."""
    word: Callable[[int], str]
    """Returns choice 0, 1, ... as it is written."""

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, choice: int) -> TokenIds:
        """Return the tokens of a choice."""
        return self.tokens[choice, : self.lengths[choice]]

    def is_oov(self, choice: int) -> bool:
        """Return whether the vocabulary lacks a token of a choice."""
        return self.oov is not None and self.oov[choice]

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str], *, spaced: bool) -> Candidates:
        """Tokenize `words`, or take the vocabulary where there are none.

        Raises InvalidInput for a word without a token, or with a line end within.
        """
        return _given(tokenizer, words, spaced=spaced) if words else _vocabulary(tokenizer)


def _vocabulary(tokenizer: Tokenizer) -> Candidates:
    """Return every token but the special ones."""
    ids = np.arange(len(SPECIAL_TOKENS), tokenizer.vocabulary_size)
    if tokenizer.config.is_sub_word:
        return Candidates(ids[:, None], np.ones_like(ids), None, lambda i: tokenizer.decode([int(ids[i])]).strip(" "))
    return Candidates(ids[:, None], np.ones_like(ids), None, lambda i: tokenizer.vocabulary[ids[i]])


def _given(tokenizer: Tokenizer, words: Sequence[str], *, spaced: bool) -> Candidates:
    """Return the tokens of `words`."""
    encodings = [tokenizer.encode(" " + word if spaced else word) for word in words]
    for word, encoding in zip(words, encodings, strict=True):
        if not len(encoding.ids) or EOS in encoding.ids:
            raise InvalidInput("candidates", f"must be words of at least one token on one line, and {word!r} is not")
    lengths = np.array([len(encoding.ids) for encoding in encodings], np.int64)
    tokens = np.zeros((len(words), lengths.max()), np.int64)
    for row, encoding in zip(tokens, encodings, strict=True):
        row[: len(encoding.ids)] = encoding.ids
    return Candidates(tokens, lengths, [bool(encoding.oov.any()) for encoding in encodings], lambda i: words[i])


def _parse_words(tokenizer: Tokenizer, text: str) -> BlankedText:
    """Find the blanks among the words of a text; all others are split as they would be beside a word."""
    tokens = encode_raw_text(tokenizer, text)
    places = [i for i, form in enumerate(tokens.surface_forms) if _BLANK.fullmatch(form)]
    ids = np.array([*tokens.ids, EOS], np.int64)
    begins, ends = [0, *(place + 1 for place in places)], [*places, len(ids)]
    spans = tuple((int(begin), int(end)) for begin, end in tokens.offsets[places])
    segments = tuple(ids[begin:end] for begin, end in zip(begins, ends, strict=True))
    return BlankedText(spans, segments, (False,) * len(places))


def _parse_pieces(tokenizer: Tokenizer, text: str) -> BlankedText:
    """Split a text at its blanks and tokenize the pieces; a space before a blank goes with its filling."""
    spans = tuple(match.span() for match in _BLANK.finditer(text))
    begins, ends = [0, *(end for _, end in spans)], [*(begin for begin, _ in spans), len(text)]
    begins[0] = len(text) - len(text.removeprefix(BYTE_ORDER_MARK))
    pieces = [unify_newlines(text[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    spaced = tuple(tokenizer.config.is_sub_word and piece.endswith(" ") for piece in pieces[:-1])
    pieces = [piece[:-1] if space else piece for piece, space in zip(pieces, [*spaced, False], strict=True)]
    segments = [tokenizer.encode(piece).ids.astype(np.int64) for piece in pieces]
    return BlankedText(spans, (*segments[:-1], np.append(segments[-1], EOS)), spaced)
