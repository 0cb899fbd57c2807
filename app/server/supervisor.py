"""A process beside this one: begun with it, begun again when it dies, stopped with it.

Knows one child process, which ends when its standard input does. What the child does, and how it stops, is its own.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from app.core.settings import Settings

logger = logging.getLogger(__name__)
WORKER_COMMAND = (sys.executable, "-m", "app.cli.main", "worker", "--until-eof")
WORKER_STOP_SECONDS = 15.0
"""How long a worker may take to give its job back; then it is killed, and its lease ends by itself."""
QUICK_DEATH_SECONDS = 10.0
"""A process that lived no longer is not begun again at once."""
MAX_RESTART_WAIT_SECONDS = 30.0


class SubprocessSupervisor:
    """Keeps a process running while the block lasts."""

    def __init__(
        self,
        what: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_seconds: float,
        descriptors: Sequence[int] = (),
    ) -> None:
        """`what` it is called in the log; the child has these variables, and inherits these open files."""
        self._name, self._command, self._stop_seconds, self._descriptors = what, command, stop_seconds, descriptors
        self._environment = {**os.environ, **environment}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"{what}-beside")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Have it end, without waiting for it."""
        self._stopping.set()

    def kill(self) -> None:
        """End it at once, for good."""
        self.stop()
        if self.process is not None:
            self.process.kill()

    def _supervise(self) -> None:
        wait = 1.0
        while not self._stopping.is_set():
            begun = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            wait = min(2 * wait, MAX_RESTART_WAIT_SECONDS) if time.monotonic() - begun < QUICK_DEATH_SECONDS else 1.0
            logger.error("the %s ended with status %d; another begins in %.0f s", self._name, status, wait)
            self._stopping.wait(wait)

    def _run_once(self) -> int:
        """One process from beginning to end; its status."""
        with subprocess.Popen(
            self._command, stdin=subprocess.PIPE, env=self._environment, pass_fds=self._descriptors
        ) as process:
            self.process = process
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # by which it knows that this process is gone, even if that was killed
            try:
                return process.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()


class WorkerSupervisor(SubprocessSupervisor):
    """Keeps a worker running while the block lasts."""

    def __init__(self, settings: Settings, command: tuple[str, ...] = WORKER_COMMAND) -> None:
        folders = {"NEXTWORD_CHECKPOINTS": settings.checkpoints, "NEXTWORD_DATA": settings.data}
        environment = {name: str(path.resolve()) for name, path in folders.items()}
        super().__init__("worker", command, environment, WORKER_STOP_SECONDS)


def call_at_eof(stop: Callable[[], None]) -> None:
    """In the child: call `stop` when standard input ends."""
    while os.read(sys.stdin.fileno(), 1):  # not through a buffer, whose lock would be held when the process ends
        pass
    stop()
