"""Text that was read and text being typed: `split_typed` parts them where tokens are certain.

The last token of a text may change when more is typed: "the qu" becomes "the queen". Where the end of a context is
healed, its unfinished token is taken for typed text, in front of the prefix.
"""

from __future__ import annotations

from typing import NamedTuple

from models.tokenization.encoding import TokenModel

SUB_WORD_KINDS = ("bpe", "unigram", "file")
"""Kinds of tokens that are parts of words, of which most begin with the blank before their word."""
MAX_UNFINISHED_CHARS = 128
"""Length of the end of a context that further text may still change; tokens before it count as certain."""


class TypedText(NamedTuple):
    """A text in two parts: the tokens of `context` are read, `typed` is the beginning of what comes next.

    begins_token: whether a token begins with `typed`, whatever `context` ends in; otherwise they are one text.
    """

    context: str
    typed: str
    begins_token: bool


def is_healed(model: TokenModel, context: str, prefix: str, heal: bool | None) -> bool:
    """Whether the end of `context` counts as typed: as `heal` says; by default, of sub-word tokens.

    Those are healed by default before a prefix and at a blank, with which most of their tokens begin.
    """
    if heal is not None or model.config.kind not in SUB_WORD_KINDS:
        return bool(heal) and model.config.kind != "character"
    return bool(prefix) or (context[-1:].isspace() and context[-1] != "\n")


def split_typed(model: TokenModel, context: str, prefix: str, heal: bool | None = None) -> TypedText:
    """Part a context and a prefix into what is read and what is typed."""
    if not is_healed(model, context, prefix, heal):
        return TypedText(context, prefix, begins_token=True)
    line = context.rfind("\n") + 1
    blanks, word = last_word(context + prefix[:1], line)
    start = blanks if model.config.kind in SUB_WORD_KINDS else min(word, len(context))
    if len(context) - start > MAX_UNFINISHED_CHARS:
        start = _last_boundary(model, context, start)
    return TypedText(context[:start], context[start:] + prefix, begins_token=False)


def last_word(text: str, start: int = 0) -> tuple[int, int]:
    """Return where the blanks before the last word of `text[start:]` begin, and where that does."""
    word = len(text)
    while word > start and not text[word - 1].isspace():
        word -= 1
    blanks = word
    while blanks > start and text[blanks - 1].isspace():
        blanks -= 1
    return blanks, word


def _last_boundary(model: TokenModel, context: str, start: int) -> int:
    """Return where the last token from `start` on begins, MAX_UNFINISHED_CHARS before the end."""
    text = context[start:]
    begins = model.offsets(text, model.split(text))[:, 0]
    return start + int(begins[begins <= len(text) - MAX_UNFINISHED_CHARS].max(initial=0))
