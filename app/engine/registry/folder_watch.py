"""FolderWatch: wakes whoever waits for a change below a folder, by inotify where the system has it.

Where it has not (a folder that is not there, no watches left, a file system of another machine, whose changes the
kernel is not told of), `changed` is over after a short pause, and the caller looks for itself. With a watch it is over
after a long pause, too, so that no change is missed for good.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchfiles._rust_notify import RustNotify

logger = logging.getLogger(__name__)
SAFETY_SECONDS = 10.0
"""Longest pause between two looks at a folder that is watched."""
RETRY_SECONDS = 30.0
"""Pause before it is tried again to watch a folder that could not be watched."""
DEBOUNCE_MS, STEP_MS, TIMEOUT_MS = 200, 50, 1000
"""How long changes that follow one another are gathered, how often the watch looks for them, and when it comes back."""
REMOTE = frozenset(["9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "virtiofs"])
"""Kinds of file systems that other machines write to."""


class FolderWatch:
    """Watch of a folder, in a thread of its own from the first `changed` to `close`."""

    def __init__(self, folder: Path, poll_seconds: float) -> None:
        """`poll_seconds` is the pause between two looks where the folder cannot be watched."""
        self.is_watching = False
        self._folder = folder
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    async def changed(self) -> None:
        """Return at a change below the folder, or after the pause in which its watcher should look for itself."""
        if self._thread is None:
            self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
            self._thread = threading.Thread(target=self._watch, name="folder-watch", daemon=True)
            self._thread.start()
        pause = max(SAFETY_SECONDS, self._poll_seconds) if self.is_watching else self._poll_seconds
        try:
            await asyncio.wait_for(self._event.wait(), pause)
        except TimeoutError:
            return
        self._event.clear()

    def close(self) -> None:
        """End the watch."""
        self._stopping.set()

    def _watch(self) -> None:
        """Watch until closed; where that fails, wait and try again."""
        while not self._stopping.is_set():
            try:
                self._watch_once()
            except (OSError, RuntimeError) as error:  # the latter is watchfiles' own, as where no watches are left
                logger.debug("%s is not watched: %s", self._folder, error)
                self.is_watching = False
                self._stopping.wait(RETRY_SECONDS if self._folder.exists() else self._poll_seconds)

    def _watch_once(self) -> None:
        """Watch the folder that has the name now until it is another one. Raises OSError where it cannot."""
        if is_remote(self._folder):
            raise OSError("changes made on other machines are not told")
        folder = self._folder.resolve(strict=True)
        with _opened(folder) as descriptor, RustNotify([str(folder)], False, False, 0, True, True) as notify:
            self.is_watching = True
            self._wake()  # what changed before is not told
            while not self._stopping.is_set():
                changes = notify.watch(DEBOUNCE_MS, STEP_MS, TIMEOUT_MS, self._stopping)
                if isinstance(changes, set) and any(_concerns(folder, change) for change in changes):
                    self._wake()
                if not os.path.samestat(self._folder.stat(), os.fstat(descriptor)):
                    return

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Hold a folder open, so that no other folder gets its inode meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _concerns(folder: Path, change: tuple[int, str]) -> bool:
    """Return whether a change is none of a hidden folder, in which a model is made."""
    first, *_ = (*Path(change[1]).relative_to(folder).parts, "")
    return not first.startswith(".")


def is_remote(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Return whether a folder lies on another machine, by the longest mount point above it."""
    path, best, kind = folder.resolve(), -1, ""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return False
    for line in lines:
        _, point, this_kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), this_kind
    return kind.partition(".")[0] in REMOTE
