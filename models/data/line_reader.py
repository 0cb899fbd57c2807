"""Cleaning of text: bytes, in slices of any size, to text in chunks of whole lines.

A corpus on disk and the body of a request are read by the same `LineReader`, so that one rule holds for both.
"""

from __future__ import annotations

import codecs
from typing import Literal, TypeAlias

from models.data.encoding_names import UTF_8
from models.data.text_encoding import Utf8Converter
from models.errors import InvalidInput, InvalidText
from models.tokenization.raw_text import WHITESPACE, unify_newlines

EmptyLines: TypeAlias = Literal["keep", "drop"]
_BYTE_ORDER_MARK = codecs.BOM_UTF8  # at the start of a text it only says that the text is UTF-8


class LineReader:
    r"""Converter of the bytes of one text to clean text.

    - The text is in `encoding`, or says by a byte order mark that it is UTF-16 or UTF-32; the mark is dropped.
    - "\r\n" and "\r" become "\n", the only end of a line (U+0085 and U+2028 are white space).
    - `strip` (for words): `blanks` at both ends of each line are dropped, and a newline is added to the last line if it
      has none.
    - `empty_lines="drop"`: lines of nothing but blanks are dropped.

    A chunk ends in a newline, save where a line is longer than `limit` bytes: then it ends before a blank, so that no
    word is split, or without `strip` between any two characters. Joined, chunks do not depend on the slices.
    """

    def __init__(
        self,
        *,
        strip: bool = True,
        empty_lines: EmptyLines = "keep",
        limit: int = 1 << 20,
        field: str = "text",
        encoding: str = UTF_8,
        blanks: str = WHITESPACE,
    ) -> None:
        """Raises InvalidInput for an unknown encoding or treatment of empty lines."""
        if empty_lines not in ("keep", "drop"):
            raise InvalidInput("empty_lines", f'must be "keep" or "drop", not {empty_lines!r}')
        self._strip = strip
        self._drop_empty = empty_lines == "drop"
        self._limit = limit
        self._field = field
        self._blanks = blanks
        self._converter = Utf8Converter(encoding, field)
        self._is_ascii = True  # whether all text before the buffer is
        self._buffer = bytearray()  # bytes not yet returned as text
        self._buffer_offset = 0  # where in the text the buffer begins
        self._inside_line = False  # whether the beginning of the buffer's first line was returned before
        self._after_return = False  # whether the text before the buffer ends in "\r", so that a "\n" belongs to it

    def feed(self, data: bytes) -> str:
        """Return the clean text that `data` completes.

        Raises InvalidText with the offset of a byte that is not in the encoding.
        """
        data = self._converter.feed(data)
        newline = max(data.rfind(b"\n"), data.rfind(b"\r"))
        end = len(self._buffer) + newline + 1 if newline >= 0 else 0
        self._buffer += data
        if self._may_begin_with_mark():
            return ""
        if not end and len(self._buffer) >= self._limit:
            end = self._long_line_end()
        return self._consume(end) if end else ""

    def finish(self) -> str:
        """Return the clean text of what is still in the buffer. Raises what `feed` does."""
        self._buffer += self._converter.feed(b"", final=True)
        text = self._consume(len(self._buffer))
        if not (self._strip and self._inside_line):
            return text
        self._inside_line = False
        return text + "\n"

    def _may_begin_with_mark(self) -> bool:
        """Whether the text so far is a byte order mark or the beginning of one."""
        short = self._buffer_offset == 0 and len(self._buffer) <= len(_BYTE_ORDER_MARK)
        return short and _BYTE_ORDER_MARK.startswith(bytes(self._buffer))

    def _consume(self, end: int) -> str:
        """Take the first `end` bytes out of the buffer and return their clean text."""
        if self._buffer_offset == 0 and self._buffer.startswith(_BYTE_ORDER_MARK):
            del self._buffer[: len(_BYTE_ORDER_MARK)]
            self._buffer_offset, end = len(_BYTE_ORDER_MARK), end - len(_BYTE_ORDER_MARK)
        text, _ = self._decode(self._buffer[:end], final=True)
        del self._buffer[:end]
        self._buffer_offset += end
        self._is_ascii = self._is_ascii and text.isascii()
        begins_after_return, self._after_return = self._after_return and bool(text), text.endswith("\r")
        return self._clean(unify_newlines(text.removeprefix("\n") if begins_after_return else text))

    def _decode(self, data: bytearray, final: bool) -> tuple[str, int]:
        """Decode the buffer's beginning, `data`, up to an incomplete end unless `final`; return text and size."""
        try:
            return codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            offset = self._buffer_offset + error.start
            hint = self._converter.hint(error, is_ascii_before=self._is_ascii)
            raise InvalidText(self._field, f"must be UTF-8, and byte {offset} (from 0) is not{hint}") from None

    def _long_line_end(self) -> int:
        """Return how many bytes of the buffer, all of one unfinished line, may be taken now."""
        text, _ = self._decode(self._buffer, final=False)
        if self._strip:
            text = text[: max(map(text.rfind, self._blanks)) + 1].rstrip(self._blanks)
        if not text.strip(self._blanks):
            where = f"{self._limit} bytes after {self._buffer_offset}"
            raise InvalidText(self._field, f"must be words between blanks; none ends within {where}")
        return len(text.encode())

    def _clean(self, text: str) -> str:
        continued, blanks = self._inside_line, self._blanks
        lines = text.split("\n")
        if self._strip:
            first = lines[0].rstrip(blanks)
            lines = [line.strip(blanks) for line in lines]
            lines[0] = first if continued else lines[0]
        rest = lines.pop()
        self._inside_line = bool(rest) or (continued and not lines)
        if self._drop_empty:
            lines = [line for i, line in enumerate(lines) if (continued and i == 0) or line.strip(blanks)]
            rest = rest if continued or rest.strip(blanks) else ""
        return "\n".join([*lines, rest])
