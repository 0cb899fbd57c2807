"""Files of records, read in blocks of lines: `read_blocks`.

A block ends at the first line end after `block_bytes`, so that blocks are the same however often a file is read; each
file begins a new one. What a file is compressed with is told by its first bytes. Rows of Parquet become lines of JSON.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from models.errors import InvalidInput
from models.selection.config import RecordFormat
from models.utils.compression import decompressed
from models.utils.regular_files import open_regular

MAX_RECORD_BYTES = 1 << 26
"""Bytes of the longest line that is read; a longer one costs only itself."""
_READ_BYTES = 1 << 20
_COMPRESSED_ENDINGS = (".gz", ".zst", ".bz2", ".xz")
_FORMATS: dict[str, RecordFormat] = {".txt": "text", ".text": "text", ".parquet": "parquet"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Lines of a file, one after the other.

    lines: without their ends; None for one that is too long to be read.
    """

    number: int
    """From 0, through all files."""
    file: str
    """Name of the file."""
    first_line: int
    """Number of the first of its lines in the file, from 1."""
    lines: Sequence[bytes | None]
    position: int
    """Bytes of all files, as they lie on the disk, that were read up to its end."""


def record_format(path: Path, told: RecordFormat | None) -> RecordFormat:
    """Return the format of a file: the one that was told, or by its ending."""
    return told or _FORMATS.get(Path(plain_name(path).lower()).suffix, "jsonl")


def plain_name(path: Path) -> str:
    """Return the name of a file without the ending of its compression.

    >>> plain_name(Path("pages.jsonl.zst"))
    'pages.jsonl'
    """
    return path.stem if path.suffix.lower() in _COMPRESSED_ENDINGS else path.name


def read_blocks(paths: Sequence[Path], told: RecordFormat | None, block_bytes: int) -> Iterator[Block]:
    """Yield the blocks of files, in order.

    Raises InvalidInput for a file that cannot be opened, InvalidText for damaged compressed data.
    """
    number = before = 0
    for path in paths:
        first_line = 1
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            read = _read_rows if record_format(path, told) == "parquet" else _read_pieces
            for lines in _cut(read(file, path), block_bytes):
                position = before + (size if file.closed else file.tell())  # at its end the reader closes it
                yield Block(number, path.name, first_line, lines, position)
                number, first_line = number + 1, first_line + len(lines)
        before += size


def _open(path: Path) -> io.BufferedReader:
    try:
        return open_regular(path, 1 << 18)
    except OSError as error:
        raise InvalidInput("file", f"must be readable: {error}") from None


def _read_pieces(file: io.BufferedReader, path: Path) -> Iterator[bytes]:
    content = decompressed(file, str(path))
    while piece := content.read(_READ_BYTES):
        yield piece


def _cut(pieces: Iterable[bytes], block_bytes: int) -> Iterator[list[bytes | None]]:
    """Yield the lines of a file, those of a block at a time."""
    parts, size, rest = list[bytes](), 0, _Rest()
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= block_bytes:
            if lines := rest.split(b"".join(parts)):
                yield lines
            parts, size = [], 0
    if lines := rest.split(b"".join(parts), final=True):
        yield lines


class _Rest:
    """The line that has not ended yet; one longer than MAX_RECORD_BYTES is not kept."""

    def __init__(self) -> None:
        self._bytes, self._is_too_long, self._is_first = b"", False, True

    def split(self, data: bytes, *, final: bool = False) -> list[bytes | None]:
        """Return the lines that `data` completes, and the last one where nothing follows."""
        if self._is_first:
            data, self._is_first = data.removeprefix(_BYTE_ORDER_MARK), False
        pieces: list[bytes] = (self._bytes + data).split(b"\n")
        lines: list[bytes | None] = list(pieces)
        if self._is_too_long or len(pieces[0]) > MAX_RECORD_BYTES:
            lines[0] = None
        last = lines.pop()
        self._is_too_long = last is None
        self._bytes = b"" if last is None else last
        return [*lines, last] if final and last != b"" else lines


def _read_rows(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the rows of a Parquet file as lines of JSON, some thousand at a time."""
    open_parquet = _import_parquet()
    try:
        for batch in open_parquet(file).iter_batches(batch_size=4096):
            yield b"".join(orjson.dumps(row, default=str) + b"\n" for row in batch.to_pylist())
    except (OSError, ValueError) as error:
        raise InvalidInput("file", f"{path.name} must be a Parquet file: {error}") from None


def _import_parquet() -> Callable[[BinaryIO], Any]:
    try:
        return cast("Callable[[BinaryIO], Any]", import_module("pyarrow.parquet").ParquetFile)
    except ImportError:
        raise InvalidInput("format", 'parquet needs pyarrow: install "nextword[parquet]"') from None
