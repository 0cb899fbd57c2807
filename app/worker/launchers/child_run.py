"""`ChildRun`: a run in a child process of this machine, behind two pipes.

The child (`child.main`) reads its RunSpec from the one and exits when that closes, so it does not outlive its worker;
it reports messages on the other, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import select
import signal
from abc import abstractmethod
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from app.worker.launchers.stoppable_run import StoppableRun
from app.worker.run_protocol import End, Lost, Message, RunSpec, message_from_json

THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")
STOP_LINE = b"stop\n"
_READ_BYTES = 1 << 16


class ChildRun(StoppableRun):
    """Run in a child process; a subclass knows how the process is killed and waited for."""

    def __init__(self, orders: IO[bytes], reports: IO[bytes]) -> None:
        """Talk to a child whose standard input is `orders` and whose standard output is `reports`."""
        super().__init__()
        self._orders, self._reports = orders, reports
        self._partial_line = b""

    def send(self, line: bytes) -> None:
        """Write a line to the child; `poll` notices a child that is gone already."""
        with suppress(BrokenPipeError):
            self._orders.write(line)
            self._orders.flush()

    def send_spec(self, spec: RunSpec) -> None:
        """Write the first line, with which the work begins."""
        self.send(json.dumps(asdict(spec)).encode() + b"\n")

    def _receive(self, seconds: float) -> list[Message]:
        ready, _, _ = select.select([self._reports], [], [], seconds)
        if not ready:
            return []
        data = os.read(self._reports.fileno(), _READ_BYTES)
        messages = self._parse_lines(data)
        if not data or (messages and isinstance(messages[-1], End)):
            return self._close(messages)
        return messages

    def processor_seconds(self) -> float | None:
        """Return the processor time of the child's threads so far; None where the system does not tell."""
        pid = self._pid()
        return None if pid is None else process_seconds(pid)

    def _ask_to_stop(self) -> None:
        self.send(STOP_LINE)

    @abstractmethod
    def _pid(self) -> int | None:
        """Return the process's id; None before it is known."""

    @abstractmethod
    def _wait(self) -> int | None:
        """Wait for the process's end; returns its status, a signal as a negative number, None if unknown."""

    def _parse_lines(self, data: bytes) -> list[Message]:
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        return [message_from_json(json.loads(line)) for line in lines]

    def _close(self, messages: list[Message]) -> list[Message]:
        """Reap the child after its last `messages`; without an end among them, the run is lost."""
        self._ended = True
        has_end = bool(messages) and isinstance(messages[-1], End)
        if has_end:
            self._kill()  # its end is known; do not wait until it has torn down its threads
        status = self._wait()
        self._close_pipes()
        return messages if has_end else [*messages, Lost(_exit_reason(status))]

    def _close_pipes(self) -> None:
        for pipe in (self._orders, self._reports):
            with suppress(BrokenPipeError):
                pipe.close()


def process_seconds(pid: int) -> float | None:
    """Return the processor time of a process's threads in seconds; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)


def _exit_reason(status: int | None) -> str:
    if status is None:
        return "its process ended, and so did the one that could have told why"
    if status == -signal.SIGKILL:
        return "its process was killed (signal 9), perhaps for want of memory"
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process exited with status {status} and no result"
