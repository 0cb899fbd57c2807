"""Private copies of published files, from which a service maps its models.

What lies in the folder of published models can be truncated or rewritten by anyone who publishes there. A process that
has such a file mapped then dies of SIGBUS, or answers with numbers that nobody verified. A copy, made once for all
processes, is out of their reach.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.checkpoint.card import FileDigest
from models.checkpoint.hash_cache import VerifiedHashes, altered_error
from models.errors import CheckpointDamaged
from models.utils.files import fsync_path, write_atomically
from models.utils.regular_files import open_regular

LOCK_FILE = ".lock"
YOUNG_SECONDS = 60.0
"""Age up to which a copy is never swept: the process that made it may be about to map it."""
_BLOCK_BYTES = 1 << 20
_FICLONE = 0x40049409
"""Request of Linux that has two files share their blocks until one of them changes (ioctl_ficlone(2))."""


class PrivateCopies:
    """Copies of files in a directory, each under the hash of its bytes, verified and read-only.

    Where the file system can share blocks between files, a copy takes no room. Processes that share the directory share
    the copies, and so the memory into which they are mapped.
    """

    def __init__(self, folder: Path, verified_hashes: VerifiedHashes) -> None:
        self._folder = folder
        self._verified_hashes = verified_hashes

    def verify(self, file: Path, digest: FileDigest) -> Path:
        """Return a copy of `file`, made now or earlier, with this digest.

        Raises CheckpointDamaged, naming the file, where it has another; OSError where no copy can be made.
        """
        copy = self._folder / digest.sha256
        with self._lock():
            if not self._is_sound(copy, digest):
                self._make(copy, file, digest)
            self._verified_hashes.verify(file, digest)
        return copy

    def sweep(self, used: Collection[str]) -> None:
        """Remove the copies whose hashes are not `used`; where they are still mapped, their pages stay."""
        with self._lock():
            for copy in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    is_old = time.time() - copy.stat().st_ctime > YOUNG_SECONDS
                    if is_old and copy.name not in used and copy.name != LOCK_FILE:
                        copy.unlink()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from the directory, so that a copy is made once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK_FILE).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _is_sound(self, copy: Path, digest: FileDigest) -> bool:
        """Return whether the copy is there and as it was made; remove it where it is not."""
        try:
            self._verified_hashes.verify(copy, digest)
        except FileNotFoundError:
            return False
        except CheckpointDamaged:
            copy.unlink()
            return False
        return True

    def _make(self, copy: Path, file: Path, digest: FileDigest) -> None:
        """Copy `file` and verify the copy, which then vouches for the file as it was before."""
        before = self._verified_hashes.entry(file, digest)
        with write_atomically(copy, durable=False) as temporary:
            clone(file, temporary, digest.size)
            if FileDigest.of(temporary) != digest:
                raise altered_error(file)
            temporary.chmod(0o444)
            fsync_path(temporary)  # before anybody notes that it is sound; its name may be lost in a power cut
        self._verified_hashes.note({file: before, copy: self._verified_hashes.entry(copy, digest)})


def clone(source: Path, target: Path, size: int) -> None:
    """Copy a file of `size` bytes, sharing its blocks where that is possible.

    Raises OSError for one that is longer.
    """
    with open_regular(source) as reader, target.open("xb") as writer:
        try:
            fcntl.ioctl(writer, _FICLONE, reader.fileno())
        except OSError:  # two file systems, or one that cannot
            while writer.tell() <= size and (block := reader.read(_BLOCK_BYTES)):
                writer.write(block)
        writer.flush()
        if os.fstat(writer.fileno()).st_size > size:
            raise OSError(errno.EFBIG, f"longer than {size} bytes", str(source))
