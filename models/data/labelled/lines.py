"""Lines of a labelled file, numbered from 1, and `fault`, the error that names one of them.

As everywhere in the package a byte order mark at the start is dropped, and "\\n" and "\\r\\n" end a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.labelled.config import TextEncoding
from models.errors import InvalidInput, InvalidText


def fault(path: Path, place: int | str, message: str) -> InvalidText:
    """Return the error for what is wrong at a place of a file: a line, or something with a name."""
    return InvalidText(f"{path}, line {place}" if isinstance(place, int) else f"{path}, {place}", message)


def read_text(path: Path, encoding: TextEncoding = "utf-8") -> str:
    """Return the text of a file.

    Raises InvalidInput where there is no file, InvalidText naming the first line that is not in `encoding`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput("files", f"must be readable: {error}") from None
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"must be {encoding}, and byte {error.start} (from 0) of the file is not"
        raise fault(path, data.count(b"\n", 0, error.start) + 1, message) from None


def numbered_lines(path: Path, encoding: TextEncoding = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield each line's number, from 1, and its text without the line end. Raises what `read_text` does."""
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        yield number, line.removesuffix("\r")


def check_text(path: Path, place: int | str, name: str, text: object) -> str:
    """Return `text`. Raises InvalidText unless it is Unicode text that is not blank."""
    if not isinstance(text, str):
        raise fault(path, place, f"{name} must be a text, not {text!r:.100}")
    if not text.strip():
        raise fault(path, place, f"{name} must not be empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"{name} must be Unicode; its character {error.start} is half a surrogate pair"
        raise fault(path, place, message) from None
    return text
