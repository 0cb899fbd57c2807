"""SubprocessSupervisor: starts a child process, restarts it when it dies, and stops it with this one.

The child stops at the end of its standard input (`call_at_eof`), which also comes when this process is killed.
"""

from __future__ import annotations

import logging
import os
import signal
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
"""How long a worker may take to give its job back before it is killed; its lease then ends by itself."""
QUICK_DEATH_SECONDS = 10.0
"""After a life no longer than this, the wait before the next restart doubles."""
MAX_RESTART_WAIT_SECONDS = 30.0


class SubprocessSupervisor:
    """Supervisor that keeps a process running while a `with` block lasts."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_seconds: float,
        descriptors: Sequence[int] = (),
        on_fault: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run `command` with these variables beside ours and these file descriptors; `name` is for the log.

        `on_fault` is told the number of a signal that ended the process, before another begins.
        """
        self._on_fault = on_fault
        self._name, self._command, self._stop_seconds, self._descriptors = name, command, stop_seconds, descriptors
        self._environment = {**os.environ, **environment}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"{name}-supervisor")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Tell the process to end, without waiting for it."""
        self._stopping.set()

    def kill(self) -> None:
        """Kill the process and do not restart it."""
        self.stop()
        if self.process is not None:
            self.process.kill()

    def _supervise(self) -> None:
        wait = 1.0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                status = self._run_once()
                end = describe_exit(status)
                if status < 0 and not self._stopping.is_set():
                    self._on_fault(-status)
            except OSError as error:  # as where memory or processes run out
                end = f"could not be started: {error}"
            if self._stopping.is_set():
                return
            wait = min(2 * wait, MAX_RESTART_WAIT_SECONDS) if time.monotonic() - started < QUICK_DEATH_SECONDS else 1.0
            logger.error("the %s %s; another begins in %.0f s", self._name, end, wait)
            self._stopping.wait(wait)

    def _run_once(self) -> int:
        """Run the process from its start to its end; return its exit status."""
        with subprocess.Popen(
            self._command, stdin=subprocess.PIPE, env=self._environment, pass_fds=self._descriptors
        ) as process:
            self.process = process
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # tells it to stop
            try:
                return process.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()


class WorkerSupervisor(SubprocessSupervisor):
    """Supervisor that keeps a worker running while a `with` block lasts."""

    def __init__(self, settings: Settings, command: tuple[str, ...] = WORKER_COMMAND) -> None:
        folders = {"NEXTWORD_CHECKPOINTS": settings.checkpoints, "NEXTWORD_DATA": settings.data}
        environment = {name: str(path.resolve()) for name, path in folders.items()}
        super().__init__("worker", command, environment, WORKER_STOP_SECONDS)


def describe_exit(status: int) -> str:
    """Return how a process ended, by its exit status or the negative number of a signal.

    >>> describe_exit(-9)
    'was ended by SIGKILL'
    """
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def doubt_files(settings: Settings, number: int) -> None:
    """After SIGBUS, have the next start read every file again.

    A page of one could not be read from the disk. What is damaged is then shown as such, and served no more. `number`
    is the signal that ended a server.
    """
    if number == signal.SIGBUS:
        settings.verified_hashes.unlink(missing_ok=True)


def call_at_eof(stop: Callable[[], None]) -> None:
    """Wait, in the child, for the end of standard input; then call `stop`."""
    try:
        while os.read(sys.stdin.fileno(), 1):  # unbuffered: a buffer's lock would be held when the process ends
            pass
    finally:  # an input that cannot be read has nobody at its other end either
        stop()
