r"""Cleaning of a whole text that is at hand: `clean_whole`.

A `LineReader` takes bytes in slices and spends some ten microseconds on a text, however short. Most texts need no more
than blanks stripped from their lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader, stripped_blanks
from models.errors import InvalidText
from models.tokenization.config import TokenizerConfig
from models.tokenization.raw_text import BYTE_ORDER_MARK, check_unicode

MAX_QUICK_CHARACTERS = 1 << 17
"""Length of the longest text that is cleaned the quick way; a reader judges lines that are longer than its limit."""


def clean_whole(text: str, config: TokenizerConfig, empty_lines: EmptyLines = "keep") -> str:
    r"""Return a whole text as a tokenizer of `config` takes it: what a reader of `open_reader` gives.

    Raises InvalidText as the reader does.

    >>> clean_whole(" One line. \nAnother.", TokenizerConfig())
    'One line.\nAnother.\n'
    """
    if not config.has_lines or config.texts == "paragraphs" or _needs_reader(text):
        reader = open_reader(config, empty_lines)
        return reader.feed(check_unicode(text).encode()) + reader.finish()
    return _strip(text, stripped_blanks(config), empty_lines)


def clean_all(texts: Sequence[str], config: TokenizerConfig, empty_lines: EmptyLines) -> list[str | InvalidText]:
    """Return what `clean_whole` returns or raises for each text.

    What texts hold is looked at for all of them at once.
    """
    joined = "".join(texts)
    if config.has_lines and config.texts != "paragraphs" and not _holds_more_than_lines(joined):
        blanks = stripped_blanks(config)
        return [
            _strip(text, blanks, empty_lines) if "\n" in text else (line := text.strip(blanks)) and line + "\n"
            for text in texts
        ]
    return [_clean_or_error(text, config, empty_lines) for text in texts]


def _clean_or_error(text: str, config: TokenizerConfig, empty_lines: EmptyLines) -> str | InvalidText:
    try:
        return clean_whole(text, config, empty_lines)
    except InvalidText as error:
        return error


def _strip(text: str, blanks: str, empty_lines: EmptyLines) -> str:
    """Return the lines of a text without the blanks at their ends."""
    *lines, last = [line.strip(blanks) for line in text.split("\n")]
    if empty_lines == "drop":
        lines = [line for line in lines if line]
    if last:
        lines.append(last)
    return "\n".join(lines) + "\n" if lines else ""


def _needs_reader(text: str) -> bool:
    """Whether a text holds more than lines: marks, other newlines, what may be UTF-16, half a character."""
    return len(text) > MAX_QUICK_CHARACTERS or _holds_more_than_lines(text)


def _holds_more_than_lines(text: str) -> bool:
    if "\r" in text or "\0" in text:
        return True
    return not text.isascii() and (BYTE_ORDER_MARK in text or not _is_unicode(text))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
