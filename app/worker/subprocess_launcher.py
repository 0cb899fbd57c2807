"""Launcher that runs a job's work in a child process of this machine.

The child (`child_main`) reads its RunSpec from a pipe and exits when that pipe closes, so it does not outlive its
worker; it reports messages on another pipe, a line of JSON each.
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
from pathlib import Path

from app.worker.run_protocol import End, Lost, Message, RunSpec, message_from_json

THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")
CHILD_COMMAND = (sys.executable, "-m", "app.worker.child_main")
STOP_LINE = b"stop\n"
_READ_BYTES = 1 << 16


class SubprocessLauncher:
    """Launcher that starts a child process per run."""

    def __init__(self, niceness: int = 19, command: Sequence[str] = CHILD_COMMAND) -> None:
        """Set up a launcher; `niceness` 0 to 19 is the child's, 19 the lowest priority."""
        self._command = [*command, str(niceness)]

    def start(self, spec: RunSpec) -> SubprocessRun:
        """Start the work in a new child process."""
        thread_limits = {name: str(spec.threads) for name in THREAD_LIMITS}
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **thread_limits},
            start_new_session=True,  # Ctrl-C in a terminal goes to the worker only, which then stops the child
        )
        run = SubprocessRun(process)
        run.send(json.dumps(asdict(spec)).encode() + b"\n")
        return run


class SubprocessRun:
    """Run in a child process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._partial_line = b""
        self._kill_at: float | None = None
        self._ended = False

    def send(self, line: bytes) -> None:
        """Write a line to the child; `poll` notices a child that is gone already."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def poll(self, seconds: float) -> list[Message]:
        """Return the messages since the last call, waiting up to `seconds` for one. The end comes last, once."""
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

    def processor_seconds(self) -> float | None:
        """Return the processor time of the child's threads so far; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)

    def stop(self, seconds: float) -> None:
        """Tell the child to save its state and stop; kill it after `seconds`."""
        self._kill_at = time.monotonic() + seconds
        if seconds > 0:
            self.send(STOP_LINE)
        else:
            self._process.kill()

    def _parse_lines(self, data: bytes) -> list[Message]:
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        return [message_from_json(json.loads(line)) for line in lines]

    def _close(self, messages: list[Message]) -> list[Message]:
        """Reap the child after its last `messages`; without an end among them, the run is lost."""
        self._ended = True
        has_end = bool(messages) and isinstance(messages[-1], End)
        if has_end:
            self._process.kill()  # its end is known; do not wait until it has torn down its threads
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        return messages if has_end else [*messages, Lost(_exit_reason(status))]


def _exit_reason(status: int) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed (signal 9), perhaps for want of memory"
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process exited with status {status} and no result"
