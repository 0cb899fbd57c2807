r"""Cleaning of text whose paragraphs are texts: `ParagraphReader`, and `open_reader` for any tokenizer.

Between two paragraphs is one `PARAGRAPH_END`, however many blank lines there were, and it never lies across two chunks:
so each chunk can be encoded by itself.
"""

from __future__ import annotations

import re

from models.data.encoding_names import UTF_8
from models.data.line_reader import EmptyLines, LineReader
from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.offsets import PARAGRAPH_BREAK
from models.tokenization.raw_text import PRETOKENIZED_BLANKS, WHITESPACE

PARAGRAPH_END = "\n\n"
"""Characters that are `</s>` to a character tokenizer whose texts are paragraphs."""
_LEADING_BLANK_LINES = re.compile(rf"(?:[{WHITESPACE}]*\n)*")


class ParagraphReader(LineReader):
    r"""Converter of the bytes of one text to clean text, each of whose paragraphs ends in "\n\n".

    Lines stay as they are. Blank lines at the start are dropped, and the last paragraph is completed.

    >>> reader = ParagraphReader()
    >>> reader.feed(b"\nFirst.\n\n"), reader.feed(b"\n\nSecond,\nstill it.\n"), reader.finish()
    ('First.', '\n\nSecond,\nstill it.', '\n\n')
    """

    def __init__(
        self,
        *,
        empty_lines: EmptyLines = "keep",
        limit: int = 1 << 20,
        field: str = "text",
        encoding: str = UTF_8,
    ) -> None:
        """Raises InvalidInput for an unknown encoding, or where empty lines are to be dropped."""
        super().__init__(strip=False, empty_lines=empty_lines, limit=limit, field=field, encoding=encoding)
        if empty_lines == "drop":
            raise InvalidInput("empty_lines", 'must be "keep": blank lines end the texts of this tokenizer')
        self._begun = False  # whether anything but blank lines was read
        self._held = ""  # newline or blank lines at the end of what was read: more blank lines may follow

    def feed(self, data: bytes) -> str:
        """Return the clean text that `data` completes. Raises InvalidText with the offset of a byte not UTF-8."""
        return self._hold_back(super().feed(data))

    def finish(self) -> str:
        """Return the clean text of what is still in the buffer. Raises what `feed` does."""
        text = self._hold_back(super().finish())
        return text + PARAGRAPH_END if self._begun else text

    def _hold_back(self, text: str) -> str:
        """Return the text held back before and `text`, up to a newline that no line follows yet."""
        text = PARAGRAPH_BREAK.sub(PARAGRAPH_END, self._held + text)
        if not self._begun:
            text = _LEADING_BLANK_LINES.sub("", text, count=1)
        words_end = len(text.rstrip(WHITESPACE))
        self._begun = self._begun or words_end > 0
        newline = text.find("\n", words_end)
        end = len(text) if newline < 0 else newline
        if not self._begun:
            end = 0
        self._held = text[end:]
        return text[:end]


def open_reader(
    config: TokenizerConfig, empty_lines: EmptyLines = "keep", field: str = "text", encoding: str = UTF_8
) -> LineReader:
    """Return a reader that cleans text as a tokenizer of `config` takes it."""
    if config.texts == "paragraphs":
        return ParagraphReader(empty_lines=empty_lines, field=field, encoding=encoding)
    blanks = stripped_blanks(config)
    return LineReader(strip=config.has_lines, empty_lines=empty_lines, field=field, encoding=encoding, blanks=blanks)


def stripped_blanks(config: TokenizerConfig) -> str:
    """Return the characters that are stripped from both ends of a line for a tokenizer of `config`."""
    return PRETOKENIZED_BLANKS if config.pretokenized and config.rules > 1 else WHITESPACE
