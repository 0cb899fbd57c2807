"""Lines of a labelled file, numbered from 1, and `fault`, the error that names one of them.

As everywhere in the package a byte order mark at the start is dropped, "\\n", "\\r\\n" and "\\r" end a line, and
a compressed file is read as what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from models.data.encoding_names import UTF_8
from models.data.text_encoding import Utf8Converter
from models.errors import InvalidInput, InvalidText
from models.tokenization.raw_text import WHITESPACE, clean
from models.utils.compression import open_decompressed

_NEWLINE = re.compile(rb"\r\n?|\n")


def fault(path: Path, place: int | str, message: str) -> InvalidText:
    """Return the error for what is wrong at a place of a file: a line, or something with a name."""
    return InvalidText(f"{path}, line {place}" if isinstance(place, int) else f"{path}, {place}", message)


def read_text(path: Path, encoding: str = UTF_8) -> str:
    """Return the text of a file.

    Raises InvalidInput where there is no file, InvalidText naming the first line that is not in `encoding`.
    """
    try:
        with open_decompressed(path) as file:
            data = file.read()
    except OSError as error:
        raise InvalidInput("files", f"must be readable: {error}") from None
    converter = Utf8Converter(encoding, str(path), is_lenient=True)
    data = converter.feed(data, final=True)
    try:
        return clean(data.decode())
    except UnicodeDecodeError as error:
        message = f"must be {converter.encoding}, and is not"
        if converter.is_utf_8:
            message = f"must be UTF-8, and byte {error.start} (from 0) of the file is not{converter.hint(error)}"
        raise fault(path, len(_NEWLINE.findall(data[: error.start])) + 1, message) from None


def numbered_lines(path: Path, encoding: str = UTF_8) -> Iterator[tuple[int, str]]:
    """Yield each line's number, from 1, and its text without the line end. Raises what `read_text` does."""
    yield from enumerate(read_text(path, encoding).split("\n"), 1)


def check_text(path: Path, place: int | str, name: str, text: object) -> str:
    """Return `text`. Raises InvalidText unless it is Unicode text that is not blank."""
    if not isinstance(text, str):
        raise fault(path, place, f"{name} must be a text, not {text!r:.100}")
    if not text.strip(WHITESPACE):
        raise fault(path, place, f"{name} must not be empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"{name} must be Unicode; its character {error.start} is half a surrogate pair"
        raise fault(path, place, message) from None
    return text
