"""Bytes of uploaded files by their hash: on disk and, where machines share an object store, there too.

What a machine lacks it fetches from the store when it is first asked for. Which files there are only the database says.
"""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.exceptions import StoreUnavailable
from app.storage.files.upload import raising_disk_full
from app.storage.replication.shared_files import SharedFiles
from models.utils.files import fsync_path, rename_durably, write_atomically

logger = logging.getLogger(__name__)
STALE_UPLOAD_SECONDS = 24 * 3600
"""Age at which an unfinished upload counts as abandoned by its writer."""


class FileBytes:
    """Bytes of files under `directory`, and in the store that machines share, if there is one."""

    def __init__(self, directory: Path, shared: SharedFiles | None = None) -> None:
        self.directory = directory
        self.incoming = directory / "incoming"
        """Folder of what is being received, on the same disk."""
        self.shared = shared

    def path(self, sha256: str) -> Path:
        """Return where the bytes with this hash lie, if they are here."""
        return self.directory / relative_path(sha256)

    def find(self, sha256: str) -> Path:
        """Return the path of bytes, fetched where they are missing. Raises StoreUnavailable, DiskFull.

        Of several calls at once, in any processes of this machine, one fetches and the others wait for it. Where it
        fails, they fail with it: one after the other they would wait for a store that is away, each as long.
        """
        path = self.path(sha256)
        if self.shared is not None and not path.exists():
            with self._lock(sha256) as is_first:
                if is_first and not path.exists():
                    self._fetch(self.shared, sha256)
            if not path.exists():
                raise StoreUnavailable(f"another request could not fetch the file with the hash {sha256}")
        return path

    def open(self, sha256: str) -> io.BufferedReader:
        """Open bytes to read some of them; those of another machine are read from the store, and not fetched.

        Raises StoreUnavailable, as reading does.
        """
        path = self.path(sha256)
        if self.shared is not None and not path.exists():
            return self.shared.open(sha256)
        return path.open("rb")

    @contextmanager
    def _lock(self, sha256: str) -> Iterator[bool]:
        """Let one of those who want to fetch some bytes do so; yields False to the others, once it is done."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        path = self.incoming / f"{sha256}.lock"
        with path.open("ab") as lock:
            is_first = _try_lock(lock)
            if not is_first:
                fcntl.flock(lock, fcntl.LOCK_SH)
            try:
                yield is_first
            finally:
                if is_first:
                    path.unlink(missing_ok=True)

    def _fetch(self, shared: SharedFiles, sha256: str) -> None:
        fetched = self.incoming / f"fetched-{secrets.token_hex(8)}"
        try:
            with raising_disk_full():
                shared.fetch(sha256, fetched)
                self.path(sha256).parent.mkdir(exist_ok=True)
                rename_durably(fetched, self.path(sha256))
        finally:
            fetched.unlink(missing_ok=True)

    def share(self, sha256: str, path: Path | None = None) -> None:
        """Put bytes into the store, unless they are there or there is none. Raises StoreUnavailable."""
        if self.shared is not None:
            self.shared.put(sha256, path or self.path(sha256))

    def adopt(self, sha256: str, source: Path) -> None:
        """Move bytes to their place; they may have been moved before, by a call that failed then."""
        path = self.path(sha256)
        path.parent.mkdir(exist_ok=True, parents=True)
        if source.exists() or not path.exists():
            source.replace(path)  # replaces the same bytes, if they are there
            fsync_path(path.parent)

    def write_missing(self, sha256: str, content: bytes) -> None:
        """Write bytes that are not on disk yet."""
        path = self.path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as temporary:
                temporary.write_bytes(content)

    def remove(self, sha256: str) -> None:
        """Remove bytes here."""
        self.path(sha256).unlink(missing_ok=True)

    def unshare(self, sha256: str) -> None:
        """Remove bytes from the store; where it does not answer, they waste room there."""
        try:
            if self.shared is not None:
                self.shared.delete(sha256)
        except StoreUnavailable as error:
            logger.warning("a deleted file stays in the object store: %s", error)

    def hashes(self) -> Iterator[str]:
        """Yield the hashes of what is on disk."""
        for path in self.directory.glob("[0-9a-f][0-9a-f]/" + "[0-9a-f]" * 64):
            yield path.name

    def remove_stale_uploads(self) -> None:
        """Remove the bytes of uploads that broke off, once they are a day old."""
        for path in self.incoming.glob("*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE_UPLOAD_SECONDS:
                    path.unlink()


def _try_lock(file: io.BufferedWriter) -> bool:
    """Lock an open file, unless somebody has; returns whether it was locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def bring(source: Path, target: Path) -> None:
    """Move a file to another place, which may be on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)
    fsync_path(target)


def relative_path(sha256: str) -> str:
    """Return where the bytes with this hash lie, below the folder of uploaded files."""
    return f"{sha256[:2]}/{sha256}"
