"""Work in a child process of this machine, behind the seam of `runs`.

The child reads its order from a pipe and exits when that pipe closes, so it never outlives its worker by much; it
reports on another. Knows processes and pipes; what the work is, the child knows.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from app.worker.run_protocol import End, Lost, Message, RunSpec, message_from_json

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
CHILD_COMMAND = (sys.executable, "-m", "app.worker.child_main")
STOP_LINE = b"stop\n"
_READ_BYTES = 1 << 16


class SubprocessLauncher:
    """Starts a child process for each order."""

    def __init__(self, niceness: int = 19, command: Sequence[str] = CHILD_COMMAND) -> None:
        """`niceness` 0 to 19: how readily a child leaves the processor to others."""
        self._command = [*command, str(niceness)]

    def start(self, order: RunSpec) -> SubprocessRun:
        """Begin the work."""
        budget = {name: str(order.threads) for name in THREAD_VARIABLES}
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **budget},
            start_new_session=True,  # Ctrl-C in a terminal is for the worker, which then stops the child in order
        )
        run = SubprocessRun(process)
        run.send(json.dumps(asdict(order)).encode() + b"\n")
        return run


class SubprocessRun:
    """A child process at work."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._partial_line = b""
        self._kill_at: float | None = None
        self._ended = False

    def send(self, line: bytes) -> None:
        """Write to the child; one that is gone already is noticed by `poll`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def poll(self, seconds: float) -> list[Message]:
        """What was reported since the last call, waiting up to `seconds` for something; its end comes last, once."""
        if self._ended:
            return []
        assert self._process.stdout is not None
        if self._kill_at is not None:
            seconds = min(seconds, max(0.0, self._kill_at - time.monotonic()))
            if not seconds:
                self._process.kill()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            return []
        data = os.read(self._process.stdout.fileno(), _READ_BYTES)
        messages = self._parse_lines(data)
        if not data or (messages and isinstance(messages[-1], End)):
            return self._close(messages)
        return messages

    def stop(self, seconds: float) -> None:
        """Have it save its state and stop; after `seconds` it is killed."""
        self._kill_at = time.monotonic() + seconds
        if seconds > 0:
            self.send(STOP_LINE)
        else:
            self._process.kill()

    def _parse_lines(self, data: bytes) -> list[Message]:
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        return [message_from_json(json.loads(line)) for line in lines]

    def _close(self, messages: list[Message]) -> list[Message]:
        """Let go of the child, whose last word these are; without a word of its end, it is lost."""
        self._ended = True
        said = bool(messages) and isinstance(messages[-1], End)
        if said:
            self._process.kill()  # it may be tearing down threads: nobody waits for that
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        return messages if said else [*messages, Lost(_exit_reason(status))]


def _exit_reason(status: int) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed (signal 9), perhaps for want of memory"
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process exited with status {status} and no result"
