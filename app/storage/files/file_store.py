"""Uploaded files: `FileStore` keeps, lists and deletes what an `Upload` has received.

Bytes are stored under their hash (`FileBytes`), once however often they are uploaded; a table holds names and purposes.
A file that an unfinished job needs cannot be deleted.
"""

from __future__ import annotations

import hashlib
import io
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from app.core.api_keys import ApiKey
from app.core.exceptions import Conflict, FileInUse, LeaseLost, NotFound, QuotaReached, StoreUnavailable
from app.storage.database import Database, Epoch, fetch_page
from app.storage.files.file_bytes import FileBytes, bring
from app.storage.files.file_uses import FILE_COLUMNS, LAST_USE, files_of, find_user, needs_files, owner_of_job
from app.storage.files.sample_file import SAMPLE_ID, SAMPLE_PURPOSE, SAMPLE_TEXT
from app.storage.files.upload import Upload, raising_disk_full
from app.storage.quotas import check_storage_quota
from app.storage.replication.shared_files import SharedFiles
from app.storage.tables import FILES

logger = logging.getLogger(__name__)
FILES_LOCK = "nextword:files"
RESULT_PURPOSE = "result"
"""Purpose of files that jobs have made."""


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
    encoding: str | None
    """Encoding of its text that the uploader named; None for UTF-8, a byte order mark, and what is no text."""
    text_bytes: int | None
    """Size of what it holds, where it is compressed."""

    @property
    def content_bytes(self) -> int:
        """Size of what it holds, decompressed."""
        return self.text_bytes or self.bytes


class ResultDigest(NamedTuple):
    """Hash and sizes of a file that a job has made."""

    sha256: str
    bytes: int
    content_bytes: int
    """Size of what it holds, decompressed."""


class FileStore:
    """Store of uploaded files: rows in a database, bytes under `directory`.

    Every method may raise DatabaseUnavailable.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        max_bytes: int,
        absence_note: str = "",
        shared: SharedFiles | None = None,
    ) -> None:
        """Store up to `max_bytes` a file, in an object store that is `shared`, too.

        `absence_note` ends the message that there is no such file.
        """
        self.database = database
        self._absence_note = absence_note
        self.directory = directory
        self.max_bytes = max_bytes
        self._bytes = FileBytes(directory, shared)

    def begin_upload(self) -> Upload:
        """Begin to receive a file; raises DiskFull."""
        with raising_disk_full():
            self._bytes.incoming.mkdir(parents=True, exist_ok=True)
            return Upload(self._bytes.incoming / secrets.token_hex(8), self.max_bytes)

    def check_quota(self, key: ApiKey | None, size: int) -> None:
        """Raise QuotaReached where an API key may not store `size` bytes more."""
        if key is not None and key.limits.stored_bytes is not None:
            with self.database.read() as connection:
                check_storage_quota(connection, key, size)

    def store_upload(self, upload: Upload, filename: str, purpose: str, api_key: ApiKey | None = None) -> StoredFile:
        """Store a finished upload; the same bytes under the same name and purpose are the same file.

        Its encoding is the one that was said last. Raises InvalidText where the upload is no text and nothing else that
        is known, FileTooLarge, DiskFull, StoreUnavailable, and QuotaReached where it is more than `api_key` may store.
        """
        with raising_disk_full():
            sha256, size = upload.finish()
            self._bytes.share(sha256, upload.path)  # which may take long, and so before others have to wait
            names = {"sha256": sha256, "filename": filename, "purpose": purpose}
            try:
                stored = self._store_upload(upload, names, size, api_key)
            except QuotaReached:
                self._remove_unreferenced(sha256)  # of the store
                raise
        self._share_again(sha256)
        return stored

    def _store_upload(self, upload: Upload, names: dict[str, Any], size: int, api_key: ApiKey | None) -> StoredFile:
        """Store a finished upload, unless it is more than `api_key` may store."""
        with self.database.write(FILES_LOCK) as connection:
            if connection.execute(select(FILES.c.id).where(_is_named(names))).one_or_none() is None:
                check_storage_quota(connection, api_key, size)
            text = {"encoding": upload.encoding, "text_bytes": upload.text_bytes}
            owner = None if api_key is None else api_key.name
            return self._store(connection, upload.path, names, {"bytes": size, "api_key": owner}, text)

    def store_result(self, path: Path, filename: str, digest: ResultDigest, job_id: str, lease: int) -> StoredFile:
        """Store a file that a job has made under a lease, which is moved away.

        The same bytes under the same name are the same file. It counts as one of the job's API key. May be repeated
        after an error. Raises LeaseLost, DiskFull, StoreUnavailable, and OSError where it cannot be moved.
        """
        names = {"sha256": digest.sha256, "filename": filename, "purpose": RESULT_PURPOSE}
        with raising_disk_full():
            # Of two jobs, and of two attempts at one, each moves its own.
            incoming = self._bytes.incoming / f"result-{job_id}-{lease}-{digest.sha256}"
            if path.exists():
                bring(path, incoming)
            if incoming.exists():
                self._bytes.share(digest.sha256, incoming)
            text = {"text_bytes": digest.content_bytes if digest.content_bytes != digest.bytes else None}
            try:
                with self.database.write(FILES_LOCK) as connection:
                    owner = owner_of_job(connection, job_id, lease)
                    stored = self._store(connection, incoming, names, {"bytes": digest.bytes, "api_key": owner}, text)
            except LeaseLost:
                incoming.unlink(missing_ok=True)
                self._remove_unreferenced(digest.sha256)  # of the store
                raise
        self._share_again(digest.sha256)
        return stored

    def _store(
        self, connection: Connection, source: Path, names: dict[str, Any], more: dict[str, Any], text: dict[str, Any]
    ) -> StoredFile:
        """Move bytes to their place, and return their file, new unless there is one of the same names."""
        self._bytes.adopt(names["sha256"], source)
        if connection.execute(update(FILES).where(_is_named(names)).values(used_at=Epoch(), **text)).rowcount == 0:
            new = insert(FILES).values(id=f"file-{secrets.token_hex(12)}", created_at=Epoch(), **names, **more, **text)
            connection.execute(new)
        return StoredFile(*connection.execute(select(*_COLUMNS).where(_is_named(names))).one())

    def add_sample(self) -> None:
        """Put the sample file among the files, in place of that of another version of the program.

        Any number of processes may do so at once. Raises OSError where it cannot be written.
        """
        content = SAMPLE_TEXT.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        values = {"sha256": sha256, "filename": SAMPLE_TEXT.name, "purpose": SAMPLE_PURPOSE}
        with self.database.write(FILES_LOCK) as connection:
            self._bytes.write_missing(sha256, content)
            same = [FILES.c[name] == value for name, value in values.items()]
            if connection.execute(select(FILES.c.id).where(*same)).first() is not None:
                return
            stale = connection.execute(delete(FILES).where(FILES.c.id == SAMPLE_ID).returning(FILES.c.sha256))
            stale_hashes = stale.scalars().all()
            new = insert(FILES).values(id=SAMPLE_ID, bytes=len(content), created_at=Epoch(), **values)
            connection.execute(new)
        for stale_hash in stale_hashes:
            self._remove_unreferenced(stale_hash)

    def get(self, file_id: str) -> StoredFile:
        """Return a file; raises NotFound."""
        with self.database.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(FILES.c.id == file_id)).one_or_none()
        if row is None:
            raise self._not_found(file_id)
        return StoredFile(*row)

    def path(self, file_id: str) -> Path:
        """Return the path of a file's bytes, fetched where another machine received them.

        Raises NotFound, StoreUnavailable and DiskFull.
        """
        return self._bytes.find(self.get(file_id).sha256)

    def open(self, file_id: str) -> io.BufferedReader:
        """Open a file's bytes to read some of them, from the store where another machine received them.

        Raises NotFound and StoreUnavailable; reading raises the latter, too.
        """
        return self._bytes.open(self.get(file_id).sha256)

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

    def delete(self, file_id: str, *, unused_since: float | None = None) -> None:
        """Delete a file, and its bytes where no other file has the same.

        Given a time `unused_since`, only where nothing has used it since. Raises NotFound, FileInUse where an
        unfinished job needs it or it was used, and Conflict for the sample file.
        """
        if file_id == SAMPLE_ID:
            raise Conflict(f"file {file_id!r} is the sample that every service has; it cannot be deleted")
        with self.database.write(FILES_LOCK) as connection:
            columns = select(FILES.c.sha256, LAST_USE.label("last_use"))
            row = connection.execute(columns.where(FILES.c.id == file_id).with_for_update()).one_or_none()
            if row is None:
                raise self._not_found(file_id)
            if unused_since is not None and row.last_use >= unused_since:
                raise FileInUse(f"file {file_id!r} was used meanwhile")
            if job_id := find_user(connection, file_id, unused_since):
                raise FileInUse(f"file {file_id!r} is needed by job {job_id!r}, which is not finished")
            connection.execute(delete(FILES).where(FILES.c.id == file_id))
        self._remove_unreferenced(row.sha256)

    def unused(self, before: float) -> list[str]:
        """Return the ids of files that were neither uploaded nor needed by a job at time `before` or later."""
        old = select(FILES.c.id).where(before > LAST_USE, FILES.c.id != SAMPLE_ID).order_by(FILES.c.number)
        with self.database.read() as connection:
            ids = connection.execute(old).scalars().all()
            jobs = connection.execute(select(*FILE_COLUMNS).where(needs_files(before))).all() if ids else []
        used = {file_id for job in jobs for file_id in files_of(job)}
        return [file_id for file_id in ids if file_id not in used]

    def remove_stale_uploads(self) -> None:
        """Remove the bytes of uploads that broke off, once they are a day old."""
        self._bytes.remove_stale_uploads()

    def share_missing(self) -> None:
        """Put what the store lacks there, and remove what was deleted at another machine.

        Files that were uploaded before there was a store are so shared. Raises StoreUnavailable.
        """
        if (shared := self._bytes.shared) is None:
            return
        with self.database.read() as connection:
            known = set(connection.execute(select(FILES.c.sha256)).scalars())
        there, here = shared.hashes(), set(self._bytes.hashes())
        for sha256 in known & here - there:
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                self._bytes.share(sha256)
        for sha256 in here - known:
            self._remove_unreferenced(sha256)

    def _not_found(self, file_id: str) -> NotFound:
        return NotFound(f"there is no file {file_id!r}{self._absence_note}")

    def _share_again(self, sha256: str) -> None:
        """Put bytes into the store that somebody may have deleted while they were stored here.

        Where it does not answer, `share_missing` does so later.
        """
        try:
            with suppress(FileNotFoundError):  # deleted here, too, or stored at another machine alone
                self._bytes.share(sha256)
        except StoreUnavailable as error:
            logger.warning("a stored file may be missing in the object store for now: %s", error)

    def _remove_unreferenced(self, sha256: str) -> None:
        """Remove bytes that no file refers to. A crash before this wastes disk space and breaks nothing.

        The store is asked first, as it may be slow and nobody is to wait for it under the lock.
        """
        with self.database.read() as connection:
            if _is_referenced(connection, sha256):
                return
        self._bytes.unshare(sha256)
        with self.database.write(FILES_LOCK) as connection:
            is_needed = _is_referenced(connection, sha256)
            if not is_needed:
                self._bytes.remove(sha256)
        if is_needed:  # somebody has uploaded the same meanwhile
            self._share_again(sha256)


def _is_named(names: dict[str, Any]) -> ColumnElement[bool]:
    """Return the condition for the file of some bytes, name and purpose."""
    return and_(*(FILES.c[column] == value for column, value in names.items()))


def _is_referenced(connection: Connection, sha256: str) -> bool:
    """Return whether a file has some bytes."""
    return connection.execute(select(FILES.c.id).where(FILES.c.sha256 == sha256).limit(1)).one_or_none() is not None


_COLUMNS = tuple(FILES.c[field.name] for field in fields(StoredFile))
