r"""Cleaning of a whole text that is at hand: `clean_whole`.

A `LineReader` takes bytes in slices and spends some ten microseconds on a text, however short. Most texts need no more
than blanks stripped from their lines.
"""

from __future__ import annotations

from models.data.line_reader import EmptyLines
from models.data.paragraph_reader import open_reader, stripped_blanks
from models.data.text_encoding import HEAD_BYTES
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
    blanks = stripped_blanks(config)
    *lines, last = [line.strip(blanks) for line in text.split("\n")] if "\n" in text else [text.strip(blanks)]
    if empty_lines == "drop":
        lines = [line for line in lines if line]
    if last:
        lines.append(last)
    return "\n".join(lines) + "\n" if lines else ""


def _needs_reader(text: str) -> bool:
    """Whether a text holds more than lines: marks, other newlines, what may be UTF-16, half a character."""
    if "\r" in text or len(text) > MAX_QUICK_CHARACTERS or "\0" in text[:HEAD_BYTES]:
        return True
    return text.startswith(BYTE_ORDER_MARK) or not (text.isascii() or _is_unicode(text))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
