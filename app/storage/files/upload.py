"""Files as they are received: `Upload` writes, hashes, counts and checks their bytes.

Text is checked as it comes; what it is compressed with is undone once it is there, in bounded memory.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from app.core.exceptions import DiskFull, FileTooLarge, is_no_space
from models.data.encoding_names import UTF_8, check_encoding
from models.data.text_encoding import Utf8Converter
from models.errors import InvalidText
from models.tokenization.foreign.file_heads import HEAD_BYTES, is_sentence_piece
from models.utils.compression import compression_of, open_decompressed
from models.utils.file_kinds import ARRAY_MAGIC, KENLM_MAGIC

_READ_BYTES = 1 << 20
"""Bytes that are decompressed at a time."""


class Upload:
    """A file being received: bytes are written, hashed, counted and checked as they come.

    It must be text, compressed or not, an array in NumPy's format, a SentencePiece model or a binary of KenLM. A
    context manager: at its end the bytes are removed, unless `FileStore.store_upload` moved them away.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.encoding: str | None = None
        """Encoding of the text where it is not UTF-8; see `read_as`."""
        self.text_bytes: int | None = None
        """Size of the content of a compressed file, once it is finished."""
        self._max_bytes = max_bytes
        self._file: IO[bytes] = path.open("xb")
        self._digest = hashlib.sha256()
        self._text = _TextCheck()
        self._head = b""
        self._unchecked = b""  # while the head may still turn out to be that of no text
        self._bytes = 0

    def read_as(self, encoding: str) -> None:
        """Say the encoding of the text, before its first byte. Raises InvalidInput for an unknown one."""
        if codecs.lookup(check_encoding(encoding)).name != UTF_8:
            self.encoding = encoding
            self._text = _TextCheck(encoding)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises FileTooLarge, DiskFull, or InvalidText with the offset of the first bad byte."""
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise FileTooLarge(f"the file has more than the {self._max_bytes} bytes allowed")
        self._head += data[: HEAD_BYTES - len(self._head)]
        if not (self._is_binary or compression_of(self._head)):
            self._check_text(data)
        self._digest.update(data)
        with raising_disk_full():
            self._file.write(data)

    def finish(self) -> tuple[str, int]:
        """Flush to disk; returns hash and size. Raises as `write` does, for what is compressed too."""
        is_compressed = compression_of(self._head) is not None
        if not (self._is_binary or is_compressed):
            self._check_text(b"", final=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if is_compressed:
            self.text_bytes = self._check_content()
        return self._digest.hexdigest(), self._bytes

    def _check_text(self, data: bytes, *, final: bool = False) -> None:
        """Check the next bytes of a text, once the first have told that it is one."""
        if len(self._head) < HEAD_BYTES and not final:
            self._unchecked += data
            return
        unchecked, self._unchecked = self._unchecked + data, b""
        self._text.feed(unchecked, final=final)

    def _check_content(self) -> int:
        """Check the text that a compressed file holds, and return its size. Raises as `write` does."""
        size = 0
        with open_decompressed(self.path, "file") as content:
            while data := content.read(_READ_BYTES):
                size += len(data)
                if size > self._max_bytes:
                    raise FileTooLarge(f"decompressed, the file has more than the {self._max_bytes} bytes allowed")
                self._text.feed(data)
        self._text.feed(b"", final=True)
        return size

    @property
    def _is_binary(self) -> bool:
        """Whether the file is of a known kind that is no text."""
        return self._head.startswith((ARRAY_MAGIC, KENLM_MAGIC)) or is_sentence_piece(self._head)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError:  # unwritten bytes are not needed: the file is removed
            pass
        finally:
            self.path.unlink(missing_ok=True)


class _TextCheck:
    """Incremental check that a stream of bytes is text, which names the offset of the first bad byte."""

    def __init__(self, encoding: str = UTF_8) -> None:
        self._converter = Utf8Converter(encoding, "file")
        self._decoder = codecs.getincrementaldecoder(UTF_8)()
        self._byte_count = 0
        self._is_ascii = True

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Check the next bytes; `final`: there are no more. Raises InvalidText, for an empty text too."""
        data = self._converter.feed(data, final=final)
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            offset = self._byte_count - pending + error.start
            hint = self._converter.hint(error, is_ascii_before=self._is_ascii)
            message = f"must be UTF-8 text; the byte at offset {offset} is not: {error.reason}{hint}"
            raise InvalidText("file", message) from error
        self._is_ascii = self._is_ascii and text.isascii()
        self._byte_count += len(data)
        if final and not self._byte_count:
            raise InvalidText("file", "must hold text; it is empty")


@contextmanager
def raising_disk_full() -> Iterator[None]:
    """Raise DiskFull in place of an OSError that means there is no room to write."""
    try:
        yield
    except OSError as error:
        if is_no_space(error):
            raise DiskFull(f"there is no room to write: {error.strerror}") from error
        raise
