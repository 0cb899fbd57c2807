"""Compression of files by gzip, bzip2, xz or Zstandard, told by their first bytes when they are read.

`open_decompressed` opens a file of any kind, `decompressed` is given an open one, and `compression_of` names the
compression of a file that begins with some bytes. Names of files say nothing here: a `.gz` that a browser has unpacked
is read as the text that it is. What is written is compressed as the ending of its name says (`create_compressed`).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from models.errors import InvalidText
from models.utils.regular_files import open_regular

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC_BYTES = 10
"""Bytes that tell the compression of a file; none but bzip2 needs more than six."""
_BUFFER_BYTES = 1 << 18
_GZIP_LEVEL = 6
_MAGIC_NUMBERS = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),  # a block, or the end of a file that holds nothing
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError)
"""Errors of the libraries for bytes that they cannot decompress."""


class _Readable(Protocol):
    """A file as the libraries give it."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""


def compression_of(head: bytes) -> str | None:
    """Return the compression of a file that begins with `head`, at least MAGIC_BYTES of it; None for none.

    >>> compression_of(b"\\x1f\\x8b\\x08\\x00\\x00\\x00"), compression_of(b"the cat")
    ('gzip', None)
    """
    return next((name for name, magic in _MAGIC_NUMBERS.items() if magic.match(head)), None)


def open_decompressed(path: Path, field: str | None = None) -> BinaryIO:
    """Open a file to read what it holds, decompressed where it is compressed.

    `field` names the file in errors, its path where it is None. Raises OSError where there is no such regular file;
    reading raises InvalidText where the compressed data is damaged or ends too early.
    """
    return decompressed(open_regular(path, _BUFFER_BYTES), field or str(path))


def decompressed(file: io.BufferedReader, field: str) -> BinaryIO:
    """Return an open file, or what it holds where it is compressed; raises as `open_decompressed` does."""
    name = compression_of(file.peek(MAGIC_BYTES))
    return file if name is None else io.BufferedReader(_Decompressed(file, name, field), _BUFFER_BYTES)


class _Decompressed(io.RawIOBase):
    """Content of a compressed file, which it closes with itself; its errors name the file."""

    def __init__(self, file: BinaryIO, compression: str, field: str) -> None:
        self._file = file
        self._content = _decompressor(file, compression)
        self._compression = compression
        self._field = field

    def readable(self) -> bool:
        """Return true, as files opened for reading do."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with the next bytes; return their number, 0 at the end."""
        view = memoryview(buffer)
        try:
            data = self._content.read(len(view))
        except _DAMAGE as error:
            message = f"must be whole {self._compression} data, and cannot be decompressed ({error})"
            raise InvalidText(self._field, message) from None
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _decompressor(file: IO[bytes], compression: str) -> _Readable:
    """Return what decompresses a file as it is read."""
    if compression == "gzip":
        return gzip.GzipFile(fileobj=file)
    if compression == "bzip2":
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if compression == "xz" else zstd.ZstdFile(file)


@contextmanager
def create_compressed(path: Path, ending: str) -> Iterator[BinaryIO]:
    """Create a file that is compressed as `ending` says: .gz, .zst, or not at all.

    The same content gives the same bytes. All of it is one frame of Zstandard, since not every reader goes on to the
    next one.
    """
    with path.open("wb") as file:
        if ending == ".gz":
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as compressed:
                yield cast("BinaryIO", compressed)
        elif ending == ".zst":
            with zstd.ZstdFile(file, "w") as compressed:
                yield cast("BinaryIO", compressed)
        else:
            yield file


def compress_block(data: bytes, level: int) -> bytes:
    """Return bytes as a frame of Zstandard."""
    return zstd.compress(data, level)


def decompress_block(data: bytes) -> bytes:
    """Return what a frame of Zstandard holds."""
    return zstd.decompress(data)
