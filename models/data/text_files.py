"""Reading of text files: what they hold, decompressed, in blocks of bytes and in chunks of clean text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from models.data.line_reader import LineReader
from models.errors import InvalidInput, InvalidText
from models.utils.compression import open_decompressed
from models.utils.file_kinds import file_kind

READ_BYTES = 1 << 20
"""Bytes of a file that are read, cleaned and encoded at a time. More costs memory, less costs speed."""


def read_blocks(path: Path, block_bytes: int | None = None) -> Iterator[bytes]:
    """Yield what a file holds, decompressed, in blocks of READ_BYTES or as many as are said.

    Raises InvalidInput where it cannot be read, InvalidText where it was compressed and is damaged, or is no text.
    """
    try:
        with open_decompressed(path) as file:
            block = file.read(block_bytes or READ_BYTES)
            check_is_text(block, str(path))
            while block:
                yield block
                block = file.read(block_bytes or READ_BYTES)
    except OSError as error:
        raise InvalidInput("files", f"must be readable: {error}") from None


def check_is_text(beginning: bytes, name: str) -> None:
    """Raise InvalidText, of a file by this name, where its first bytes are those of another kind of file."""
    if kind := file_kind(beginning):  # in some encoding any of them is valid
        raise InvalidText(name, f"must be text, and is {kind}")


def clean_blocks(blocks: Iterable[bytes], reader: LineReader) -> Iterator[str]:
    """Yield the clean text of the bytes of one text. Raises InvalidText as the reader does."""
    for block in blocks:
        yield reader.feed(block)
    yield reader.finish()
