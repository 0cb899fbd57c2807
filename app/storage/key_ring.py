"""KeyRing: all API keys, of database and file, in memory, by which requests are checked.

The snapshot is read anew once in a while, so that a key made or revoked by another process counts within that time.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.core.api_keys import ApiKey, digest_key
from app.core.exceptions import BadApiKey
from app.storage.key_file import read_key_file
from app.storage.key_store import KeyStore
from models.errors import InvalidInput

logger = logging.getLogger(__name__)


class KeyRing:
    """The API keys that count now. `refresh` reads them; the snapshot stays where that fails."""

    def __init__(self, store: KeyStore, file: Path | None, *, opens_without_keys: bool) -> None:
        """`opens_without_keys`: whether everybody is let in while there is no key."""
        self.store = store
        self.is_open = False
        """Whether no key is asked for: there is no file, and no key, not even one that was revoked or has expired."""
        self._file = file
        self._opens_without_keys = opens_without_keys
        self._file_read: tuple[object, Sequence[ApiKey]] = (None, [])
        self._keys: Mapping[bytes, ApiKey] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the keys have been read."""
        return self._keys is not None

    @property
    def is_empty(self) -> bool:
        """Whether the keys have been read and there are none."""
        return self._keys is not None and not self._keys

    def refresh(self) -> None:
        """Read all keys. Raises DatabaseUnavailable, and InvalidInput for a file that is not understood.

        While the file is broken, its keys stay as they were, and those of the database are read all the same: what is
        revoked there is refused.
        """
        stored = self.store.list()
        try:
            in_file = self._file_keys()
        except InvalidInput:
            if self._keys is not None:
                self._replace([*stored, *self._file_read[1]])
            raise
        self._replace([*stored, *in_file])

    def _replace(self, keys: Sequence[ApiKey]) -> None:
        """Have these keys count from now on."""
        known = _by_digest(keys)
        if self._keys is not None and len(known) != len(self._keys):
            logger.info("there are %d API keys now", len(known))
        self._keys = known
        self.is_open = self._opens_without_keys and not known and self._file is None

    def _file_keys(self) -> Sequence[ApiKey]:
        """Return the keys of the file, which is read again where it is another file or was written to."""
        if self._file is None:
            return []
        try:
            facts = self._file.stat()
            stamp: object = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        except OSError:
            stamp = None
        if stamp is None or stamp != self._file_read[0]:
            self._file_read = stamp, read_key_file(self._file)
        return self._file_read[1]

    def find(self, key: str) -> ApiKey:
        """Return what is known of a key that a client sent.

        Raises BadApiKey for a key that is unknown, revoked or expired.
        """
        digest = digest_key(key)
        # A hash is what is looked up, so how long that takes tells of no key; the whole of it is then compared in
        # constant time.
        known = (self._keys or {}).get(digest)
        if known is None or not hmac.compare_digest(known.digest, digest):
            raise BadApiKey("there is no such API key")
        if known.revoked_at is not None:
            raise BadApiKey(f"the API key {known.name!r} was revoked", known.name)
        if time.time() >= known.expires_at:
            raise BadApiKey(f"the API key {known.name!r} has expired", known.name)
        return known


def _by_digest(keys: Iterable[ApiKey]) -> dict[bytes, ApiKey]:
    """Index keys by their hash; of the same key twice, the later one counts."""
    return {key.digest: key for key in keys}
