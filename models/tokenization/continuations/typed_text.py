"""Text that was read and text being typed: `split_typed` parts them where tokens are certain.

The last token of a text may change when more is typed: "the qu" becomes "the queen". Where the end of a context is
healed, its unfinished token is taken for typed text, in front of the prefix.
"""

from __future__ import annotations

from typing import NamedTuple

from models.tokenization.encoding import TokenModel
from models.tokenization.raw_text import WHITESPACE

MAX_UNFINISHED_CHARS = 128
"""Length of the end of a context that further text may still change; tokens before it count as certain."""

_BLANKS = frozenset(WHITESPACE) - {"\n"}


class TypedText(NamedTuple):
    """A text in two parts: the tokens of `context` are read, `typed` is the beginning of what comes next.

    anchor: end of `context` that may decide how `typed` is split: a word, or nothing.
    """

    context: str
    typed: str
    anchor: str = ""


def is_healed(model: TokenModel, context: str, prefix: str, heal: bool | None) -> bool:
    """Whether the end of `context` counts as typed: as `heal` says; by default, of sub-word tokens.

    Those are healed by default before a prefix and at a blank, with which most of their tokens begin.
    """
    if heal is not None or not model.config.is_sub_word:
        return bool(heal) and model.config.kind != "character"
    return bool(prefix) or context[-1:] in _BLANKS


def split_typed(
    model: TokenModel, context: str, prefix: str, heal: bool | None = None, *, crosses_words: bool = False
) -> TypedText:
    """Part a context and a prefix into what is read and what is typed.

    crosses_words: whether some tokens hold parts of two words, so that no blank keeps a token apart.
    """
    if not is_healed(model, context, prefix, heal):
        return TypedText(context, prefix)
    line = context.rfind("\n") + 1
    blanks, word = (line, line) if crosses_words else last_word(context + prefix[:1], line)
    start = blanks if model.config.is_sub_word else min(word, len(context))
    if len(context) - start > MAX_UNFINISHED_CHARS:
        start = _last_boundary(model, context, start)
    read, typed = context[:start], context[start:] + prefix
    return TypedText(read, typed, "" if model.splits_words_alike else read[last_word(read, line)[0] :])


def last_word(text: str, start: int = 0) -> tuple[int, int]:
    """Return where the blanks before the last word of `text[start:]` begin, and where that does."""
    word = len(text)
    while word > start and text[word - 1] not in WHITESPACE:
        word -= 1
    blanks = word
    while blanks > start and text[blanks - 1] in WHITESPACE:
        blanks -= 1
    return blanks, word


def _last_boundary(model: TokenModel, context: str, start: int) -> int:
    """Return where the last token from `start` on begins, MAX_UNFINISHED_CHARS before the end."""
    text = context[start:]
    begins = model.offsets(text, model.split(text))[:, 0]
    return start + int(begins[begins <= len(text) - MAX_UNFINISHED_CHARS].max(initial=0))
