"""Objects in a store of S3, Google Cloud Storage, Azure, or in a folder, through `obstore`.

`Objects` reads, writes, lists and deletes them by their paths, and raises our errors for the library's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.core.settings import STORE_URL
from app.storage.replication.source import SourceError
from models.errors import CheckpointNotFound, InvalidInput

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Store

_PIECE_BYTES = 1 << 20
_PAGE = 1000
"""Objects that a listing takes over from the library at a time, as many as a store sends."""
_RETRY_TIME = timedelta(seconds=10)
"""Time after which a call that failed is not begun again: requests wait for some."""
_AFTER_HIDDEN = ".~"
"""Path that comes, by its bytes, after those in folders that a dot hides, and before those of models."""


class ListedObject(NamedTuple):
    """An object as a listing tells it."""

    path: str
    tag: str
    """Another one once its content is another."""
    size: int
    """In bytes."""
    changed_at: datetime

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]


class Objects:
    """Objects of a store by path. Methods raise SourceError where it does not answer.

    Those that read raise CheckpointNotFound where there is no such object.
    """

    def __init__(self, url: str) -> None:
        """Open the store at `url`, such as `s3://bucket/models`. Raises InvalidInput."""
        if not STORE_URL.fullmatch(url):
            accepted = "s3://bucket/models, gs://bucket/models, az://account/container/models or file:///models"
            raise InvalidInput("store", f"must be as {accepted}, not {url!r:.80}")
        self.url = url
        self._api, self._store = _open(url)

    def list(self, folder: str | None = None) -> Iterator[ListedObject]:
        """Yield the objects below a folder; without one, all but those in folders that a dot hides."""
        begin = None if folder else _AFTER_HIDDEN
        with self._telling(folder or "the list"):
            for some in self._api.list(self._store, prefix=folder, offset=begin, chunk_size=_PAGE):
                for meta in some:
                    path = str(meta["path"])
                    yield ListedObject(path, str(meta["e_tag"]), int(meta["size"]), meta["last_modified"])

    @contextmanager
    def read(self, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open an object at a byte; its pieces end early where the connection breaks."""
        with self._telling(path):
            options = {"range": {"offset": offset}} if offset else {}
            answer = self._api.get(self._store, path, options=options)
        yield self._pieces(answer)

    def fetch(self, path: str, file: Path) -> None:
        """Write an object to a file. Raises SourceError where it breaks off."""
        with self._telling(path):
            answer = self._api.get(self._store, path)
        with file.open("wb") as opened:
            opened.writelines(self._pieces(answer))
        if file.stat().st_size != answer.meta["size"]:
            raise SourceError(f"{self.url}: {path} breaks off")

    def _pieces(self, answer: Any) -> Iterator[bytes]:
        with suppress(self._api.exceptions.BaseError):
            yield from map(bytes, answer.stream(min_chunk_size=_PIECE_BYTES))

    def content(self, path: str) -> bytes:
        """Return the bytes of a small object."""
        with self._telling(path):
            return bytes(self._api.get(self._store, path).bytes())

    def part(self, path: str, begin: int, length: int) -> bytes:
        """Return `length` bytes of an object, at least one, from a byte on."""
        with self._telling(path):
            return bytes(self._api.get_range(self._store, path, start=begin, length=length))

    def size(self, path: str) -> int | None:
        """Return the size of an object in bytes; None where there is none."""
        with suppress(CheckpointNotFound), self._telling(path):
            return int(self._api.head(self._store, path)["size"])
        return None

    def put(self, path: str, file: Path) -> None:
        """Write an object; it is seen once it is whole. Raises OSError where the file cannot be read."""
        with file.open("rb") as content:
            try:
                with self._telling(path):
                    self._api.put(self._store, path, content)
            except CheckpointNotFound as error:  # no such bucket
                raise SourceError(str(error)) from error

    def create(self, path: str, content: bytes) -> bool:
        """Create an object unless it is there; returns whether it was created."""
        with self._telling(path):
            try:
                self._api.put(self._store, path, content, mode="create", use_multipart=False)
            except self._api.exceptions.AlreadyExistsError:
                return False
        return True

    def delete(self, path: str) -> None:
        """Delete an object, if it is there."""
        with suppress(CheckpointNotFound), self._telling(path):
            self._api.delete(self._store, path)

    @contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        """Raise our errors for those of the library."""
        try:
            yield
        except FileNotFoundError:
            raise CheckpointNotFound(f"there is no {path} in {self.url}") from None
        except (self._api.exceptions.BaseError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise SourceError(f"{self.url}: {path}: {reason:.300}") from error


def _open(url: str) -> tuple[Any, Store]:
    """Return the library and the store. Raises InvalidInput where either is not to be had."""
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        raise InvalidInput("store", "needs obstore: pip install 'nextword[store]'") from None
    try:
        is_folder = url.startswith("file:")
        options: dict[str, Any] = {"mkdir": True} if is_folder else {"retry_config": {"retry_timeout": _RETRY_TIME}}
        return obstore, obstore.store.from_url(url, **options)
    except (obstore.exceptions.BaseError, ValueError, OSError) as error:
        raise InvalidInput("store", f"cannot be opened: {str(error).partition(chr(10))[0]:.200}") from None
