"""A worker beside the service: a process of its own, begun with it, begun again when it dies, stopped with it.

Knows one child process. What the worker does, and how it gives its job back, is the worker's.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

from app.settings import Settings

logger = logging.getLogger(__name__)
COMMAND = (sys.executable, "-m", "app.cli", "worker", "--until-eof")
STOP_SECONDS = 15.0
"""How long the worker may take to give its job back; then it is killed, and its lease ends by itself."""
SHORT_LIFE_SECONDS = 10.0
"""A worker that lived no longer is not begun again at once."""
LONGEST_WAIT_SECONDS = 30.0


class WorkerBeside:
    """Keeps a worker running while the block lasts."""

    def __init__(self, settings: Settings, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        folders = {"NEXTWORD_CHECKPOINTS": settings.checkpoints, "NEXTWORD_DATA": settings.data}
        self._environment = {**os.environ, **{name: str(path.resolve()) for name, path in folders.items()}}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker-beside")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        wait = 1.0
        while not self._stopping.is_set():
            begun = time.monotonic()
            status = self._live()
            if self._stopping.is_set():
                return
            wait = min(2 * wait, LONGEST_WAIT_SECONDS) if time.monotonic() - begun < SHORT_LIFE_SECONDS else 1.0
            logger.error("the worker ended with status %d; another begins in %.0f s", status, wait)
            self._stopping.wait(wait)

    def _live(self) -> int:
        """One worker from beginning to end; its status."""
        with subprocess.Popen(self._command, stdin=subprocess.PIPE, env=self._environment) as process:
            self.process = process
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # by which it knows that the service is gone, even if that was killed
            try:
                return process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()
