"""Uploaded files, texts and arrays: `Upload` receives one, `FileStore` keeps, lists and deletes them.

Bytes are stored on disk under their hash, once however often they are uploaded; a table holds names and purposes. A
file that an unfinished job needs cannot be deleted.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sqlalchemy import Text, cast, delete, insert, or_, select

from app.core.exceptions import DiskFull, FileInUse, FileTooLarge, NotFound, is_no_space
from app.storage.database import Database, Epoch, fetch_page
from app.storage.tables import FILES, JOBS, OPEN_STATUSES
from models.errors import InvalidText
from models.tokenization.foreign.file_heads import HEAD_BYTES, is_sentence_piece
from models.utils.files import fsync_path

ARRAY_MAGIC = b"\x93NUMPY"
"""First bytes of an array in NumPy's format; the first of them cannot begin UTF-8."""
FILES_LOCK = "nextword:files"
STALE_UPLOAD_SECONDS = 24 * 3600
"""Age at which an unfinished upload counts as abandoned by its writer."""


class Upload:
    """A file being received: bytes are written, hashed, counted and checked as they come.

    It must be UTF-8, an array in NumPy's format, whose first byte no text begins with, or a SentencePiece model. A
    context manager: at its end the bytes are removed, unless `FileStore.store_upload` moved them away.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file: IO[bytes] = path.open("xb")
        self._digest = hashlib.sha256()
        self._text = _Utf8Validator()
        self._head = b""
        self._unchecked = b""  # while the head may still turn out to be that of no text
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Append bytes. Raises FileTooLarge, DiskFull, or InvalidText with the offset of the first bad byte."""
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise FileTooLarge(f"the file has more than the {self._max_bytes} bytes allowed")
        self._head += data[: HEAD_BYTES - len(self._head)]
        if not self._is_binary:
            self._check_text(data)
        self._digest.update(data)
        with raising_disk_full():
            self._file.write(data)

    def finish(self) -> tuple[str, int]:
        """Flush to disk; returns hash and size. Raises as `write` does."""
        if not self._is_binary:
            self._check_text(b"", final=True)
        elif self._begins_as_array and not self._head.startswith(ARRAY_MAGIC):
            raise InvalidText("file", "must be UTF-8 text or an array in NumPy's format; its first byte is neither's")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest(), self._bytes

    def _check_text(self, data: bytes, *, final: bool = False) -> None:
        """Check the next bytes of a text, once the first have told that it is one."""
        if len(self._head) < HEAD_BYTES and not final:
            self._unchecked += data
            return
        unchecked, self._unchecked = self._unchecked + data, b""
        self._text.feed(unchecked)
        if final:
            self._text.finish()

    @property
    def _is_binary(self) -> bool:
        return self._begins_as_array or is_sentence_piece(self._head)

    @property
    def _begins_as_array(self) -> bool:
        return self._head[:1] == ARRAY_MAGIC[:1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError:  # unwritten bytes are not needed: the file is removed
            pass
        finally:
            self.path.unlink(missing_ok=True)


class _Utf8Validator:
    """Incremental check that a stream of bytes is UTF-8, which names the offset of the first bad byte."""

    def __init__(self) -> None:
        self.byte_count = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data: bytes, *, final: bool = False) -> None:
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            offset = self.byte_count - pending + error.start
            raise InvalidText(
                "file", f"must be UTF-8 text; the byte at offset {offset} is not: {error.reason}"
            ) from error
        self.byte_count += len(data)

    def finish(self) -> None:
        self.feed(b"", final=True)
        if not self.byte_count:
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


@dataclass(frozen=True)
class StoredFile:
    """An uploaded file, as the table describes it."""

    id: str
    """Random id, which clients see."""
    sha256: str
    """Hash of its bytes, and their name on disk."""
    bytes: int
    filename: str
    purpose: str
    created_at: float
    """Time of the first upload, in seconds since 1970."""


class FileStore:
    """Store of uploaded files: rows in a database, bytes under `directory`.

    Every method may raise DatabaseUnavailable.
    """

    def __init__(self, database: Database, directory: Path, max_bytes: int) -> None:
        self.database = database
        self.directory = directory
        self.max_bytes = max_bytes
        self._incoming = directory / "incoming"

    def begin_upload(self) -> Upload:
        """Begin to receive a file; raises DiskFull."""
        with raising_disk_full():
            self._incoming.mkdir(parents=True, exist_ok=True)
            return Upload(self._incoming / secrets.token_hex(8), self.max_bytes)

    def store_upload(self, upload: Upload, filename: str, purpose: str) -> StoredFile:
        """Store a finished upload; the same bytes under the same name and purpose are the same file.

        Raises InvalidText where the upload is not UTF-8 or is empty, and DiskFull.
        """
        with raising_disk_full():
            sha256, size = upload.finish()
            with self.database.write(FILES_LOCK) as connection:
                path = self._path(sha256)
                path.parent.mkdir(exist_ok=True)
                upload.path.replace(path)  # replaces the same bytes, if they are there
                fsync_path(path.parent)
                same = (FILES.c.sha256 == sha256) & (FILES.c.filename == filename) & (FILES.c.purpose == purpose)
                if connection.execute(select(FILES.c.id).where(same)).one_or_none() is None:
                    values = {"sha256": sha256, "bytes": size, "filename": filename, "purpose": purpose}
                    new = insert(FILES).values(id=f"file-{secrets.token_hex(12)}", created_at=Epoch(), **values)
                    connection.execute(new)
                return StoredFile(*connection.execute(select(*_COLUMNS).where(same)).one())

    def get(self, file_id: str) -> StoredFile:
        """Return a file; raises NotFound."""
        with self.database.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(FILES.c.id == file_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no file {file_id!r}")
        return StoredFile(*row)

    def path(self, file_id: str) -> Path:
        """Return the path of a file's bytes; raises NotFound."""
        return self._path(self.get(file_id).sha256)

    def page(self, purpose: str | None, after: str | None, limit: int) -> tuple[list[StoredFile], bool]:
        """Return at most `limit` files, newest first, older than file `after`; and whether there are more.

        Raises InvalidInput where there is no file `after`.
        """
        query = select(*_COLUMNS)
        if purpose is not None:
            query = query.where(FILES.c.purpose == purpose)
        with self.database.read() as connection:
            rows, more = fetch_page(connection, FILES, query, after, limit)
        return [StoredFile(*row) for row in rows], more

    def delete(self, file_id: str) -> None:
        """Delete a file, and its bytes where no other file has the same.

        Raises NotFound, and FileInUse where an unfinished job needs it.
        """
        with self.database.write(FILES_LOCK) as connection:
            sha256 = connection.execute(
                select(FILES.c.sha256).where(FILES.c.id == file_id).with_for_update()
            ).scalar_one_or_none()
            if sha256 is None:
                raise NotFound(f"there is no file {file_id!r}")
            more = cast(JOBS.c.more_files, Text).contains(f'"{file_id}"', autoescape=True)
            needed = or_(JOBS.c.training_file == file_id, JOBS.c.validation_file == file_id, more)
            users = select(JOBS.c.id).where(needed, JOBS.c.status.in_(OPEN_STATUSES))
            if job_id := connection.execute(users.limit(1)).scalar_one_or_none():
                raise FileInUse(f"file {file_id!r} is needed by job {job_id!r}, which is not finished")
            connection.execute(delete(FILES).where(FILES.c.id == file_id))
        self._remove_unreferenced(sha256)

    def remove_stale_uploads(self) -> None:
        """Remove the bytes of uploads that broke off, once they are a day old."""
        for path in self._incoming.glob("*"):
            if time.time() - path.stat().st_mtime > STALE_UPLOAD_SECONDS:
                path.unlink(missing_ok=True)

    def _remove_unreferenced(self, sha256: str) -> None:
        """Remove bytes that no file refers to. A crash before this wastes disk space and breaks nothing."""
        with self.database.write(FILES_LOCK) as connection:
            if connection.execute(select(FILES.c.id).where(FILES.c.sha256 == sha256).limit(1)).one_or_none() is None:
                self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self.directory / sha256[:2] / sha256


_COLUMNS = tuple(FILES.c[field.name] for field in fields(StoredFile))
