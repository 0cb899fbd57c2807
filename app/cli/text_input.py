"""Input of text from files and from standard input: decompressed, in any encoding, line by line.

`open_text` opens a file or standard input, and `LineStream` cuts it into lines as they arrive;
`standard_input_as_file` keeps what has to be read twice.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple, cast

import click

from models.data.encoding_names import UTF_8
from models.data.text_encoding import Utf8Converter
from models.errors import InvalidInput, InvalidText
from models.tokenization.raw_text import BYTE_ORDER_MARK
from models.utils.compression import decompressed
from models.utils.regular_files import open_regular

STANDARD_INPUT = "-"
_READ_BYTES = 1 << 16
"""Bytes per read: the capacity of a pipe."""
_NEWLINE = re.compile(rb"\r\n|\r|\n")
encoding_option = click.option(
    "--encoding",
    default=UTF_8,
    help="How the characters of the text are written: utf-8, latin-1, cp1252, utf-16-le or another. [default: utf-8]",
)


@contextmanager
def open_text(file: Path | None) -> Iterator[BinaryIO]:
    """Yield what a file holds, decompressed; `-` and None are standard input. Raises InvalidInput.

    A pipe, such as `<(command)` makes, is read too, for who names it as text wants that; a device or a directory not.
    """
    if file is None or str(file) == STANDARD_INPUT:
        stream = cast(io.RawIOBase, sys.stdin.buffer)
        yield decompressed(stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream), "text")
        return
    try:
        opened = file.open("rb") if file.is_fifo() else open_regular(file)
    except OSError as error:
        raise InvalidInput("file", f"must be readable: {error}") from None
    with opened, decompressed(opened, str(file)) as content:
        yield content


class InputLine(NamedTuple):
    """A line that was read, with its number from 1."""

    number: int
    text: str
    """The line; what is not in the encoding is U+FFFD."""
    error: str | None = None
    """Why the line cannot be used, where it cannot."""


class LineStream:
    """Lines of a stream, in batches of those that have arrived.

    A line that is not in the encoding costs no other: it has an error in its place, and once all lines are read
    InvalidText names the first of them. UTF-16 that nothing tells of is refused at once.
    """

    def __init__(self, stream: BinaryIO, encoding: str = UTF_8) -> None:
        """Raises InvalidInput for an unknown encoding."""
        self._stream = cast(io.BufferedReader, stream)
        self._converter = Utf8Converter(encoding, is_lenient=True)
        self._partial = b""  # the line that has not ended yet
        self._after_return = False  # whether the last line ended in "\r", so that a "\n" belongs to it
        self._is_ascii = True  # whether all lines so far are
        self._number = 0
        self._errors: list[str] = []

    def batches(self) -> Iterator[list[InputLine]]:
        """Yield lists of the lines that have arrived, without waiting for more. Raises InvalidText at the end."""
        while chunk := self._stream.read1(_READ_BYTES):
            if lines := self._take(self._converter.feed(chunk)):
                yield lines
        lines = self._take(self._converter.feed(b"", final=True))
        if self._partial:
            lines.append(self._line(self._partial))
        if lines:
            yield lines
        if self._errors:
            more = f", and {len(self._errors) - 1} more" if len(self._errors) > 1 else ""
            raise InvalidText("text", self._errors[0] + more)

    def _take(self, data: bytes) -> list[InputLine]:
        """Return the lines that `data` completes."""
        if self._after_return:
            data, self._after_return = data.removeprefix(b"\n"), not data
        *lines, self._partial = _NEWLINE.split(self._partial + data)
        self._after_return = self._after_return or data.endswith(b"\r")
        return [self._line(line) for line in lines]

    def _line(self, data: bytes) -> InputLine:
        self._number += 1
        if self._number == 1:
            data = data.removeprefix(BYTE_ORDER_MARK.encode())
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self._errors.append(self._describe(error))
            return InputLine(self._number, data.decode(errors="replace"), self._errors[-1])
        self._is_ascii = self._is_ascii and text.isascii()
        return InputLine(self._number, text)

    def _describe(self, error: UnicodeDecodeError) -> str:
        if not self._converter.is_utf_8:
            return f"line {self._number} is not {self._converter.encoding}"
        hint = self._converter.hint(error, is_ascii_before=self._is_ascii)
        return f"line {self._number} is not UTF-8 (byte {error.start} of it, from 0){hint}"


@contextmanager
def standard_input_as_file(files: Sequence[str]) -> Iterator[list[str]]:
    """Yield paths of files, with a copy of standard input in the place of `-`.

    Raises InvalidInput where standard input is named twice.
    """
    if files.count(STANDARD_INPUT) > 1:
        raise InvalidInput("files", "may name standard input (-) once")
    if STANDARD_INPUT not in files:
        yield list(files)
        return
    with TemporaryDirectory(prefix="nextword-") as folder:
        copy = Path(folder, "stdin")
        with copy.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield [str(copy) if name == STANDARD_INPUT else name for name in files]
