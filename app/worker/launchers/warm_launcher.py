"""Launcher that has each job's process forked from one that has everything loaded, the `fork_server`.

A process of its own start takes two seconds of processor time before the work begins, a fork some milliseconds. The
server is started with the first job and ends by itself once there are none.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from app.worker.launchers.child_run import ChildRun, process_seconds
from app.worker.launchers.subprocess_launcher import child_environment
from app.worker.run_protocol import Lost, Message, RunSpec

logger = logging.getLogger(__name__)
SERVER_COMMAND = (sys.executable, "-m", "app.worker.launchers.fork_server")
REQUEST = b"fork"
_ANSWER_BYTES = 1 << 12


@dataclass(frozen=True)
class _Server:
    """Fork server of this worker."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    threads: int

    def end(self) -> None:
        """End the server; the children it has forked go on."""
        self.control.close()
        self.process.kill()
        self.process.wait()


class WarmLauncher:
    """Launcher that forks a child per run; `start` may be called from several threads."""

    def __init__(self, niceness: int = 19, idle_seconds: float = 60, command: Sequence[str] = SERVER_COMMAND) -> None:
        """Set up a launcher whose server ends after `idle_seconds` without a run."""
        self._command = [*command, str(niceness), str(idle_seconds)]
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def start(self, spec: RunSpec) -> ForkedRun:
        """Ask for a child and return its run at once; the work begins when the child does."""
        (orders_in, orders_out), (reports_in, reports_out) = os.pipe(), os.pipe()
        link, link_of_server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with link_of_server, self._lock:
                server = self._request([orders_in, reports_out, link_of_server.fileno()], spec.threads)
        finally:
            os.close(orders_in)
            os.close(reports_out)
        return ForkedRun(os.fdopen(orders_out, "wb"), os.fdopen(reports_in, "rb", 0), link, spec, server.process.pid)

    def close(self) -> None:
        """End the server; runs in progress go on."""
        with self._lock:
            if self._server is not None:
                self._server.end()
                self._server = None

    def _request(self, descriptors: list[int], threads: int) -> _Server:
        """Ask the server for a child with these descriptors; start one where none has so many threads."""
        server = self._server
        if server is not None and server.threads == threads:
            with suppress(OSError):  # it has ended since
                socket.send_fds(server.control, [REQUEST], descriptors)
                return server
        if server is not None:
            server.end()
        self._server = server = self._start_server(threads)
        socket.send_fds(server.control, [REQUEST], descriptors)
        return server

    def _start_server(self, threads: int) -> _Server:
        control, control_of_server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with control_of_server:
            process = subprocess.Popen(
                self._command,
                stdin=control_of_server.fileno(),
                stdout=2,  # what is printed goes to the log
                env=child_environment(threads),
                start_new_session=True,
            )
        return _Server(process, control, threads)


class ForkedRun(ChildRun):
    """Run in a child of the fork server, which tells on `link` what it alone knows of the child."""

    def __init__(
        self, orders: IO[bytes], reports: IO[bytes], link: socket.socket, spec: RunSpec, server_pid: int
    ) -> None:
        super().__init__(orders, reports)
        self._link, self._spec, self._server_pid = link, spec, server_pid
        self._child_pid: int | None = None
        self._process: int | None = None
        """Descriptor of the child's process; None before it is forked."""
        self._is_withdrawn = False
        self._seconds_loaded = process_seconds(server_pid) or 0.0
        """Processor time that the server had used when this run was asked for."""
        self._seconds_waited = 0.0
        """Processor time that it used while this run waited for its child."""

    def poll(self, seconds: float) -> list[Message]:
        """Return the messages since the last call, waiting up to `seconds` for one. The end comes last, once."""
        if self._ended or self._process is not None:
            return super().poll(seconds)
        if self._is_withdrawn:
            self._ended = True
            return [Lost("it was stopped before its process began")]
        ready, _, _ = select.select([self._link], [], [], seconds)
        return self._begin() if ready else []

    def processor_seconds(self) -> float | None:
        """Return the processor time of the child so far, and of the loading that it waits for."""
        if self._process is None:
            self._seconds_waited = (process_seconds(self._server_pid) or 0.0) - self._seconds_loaded
            return self._seconds_waited
        own = super().processor_seconds()
        return None if own is None else self._seconds_waited + own

    def _begin(self) -> list[Message]:
        """Take the server's answer and give the child its work; without one, the run is lost."""
        answer, descriptors, *_ = socket.recv_fds(self._link, _ANSWER_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        if not answer:
            return self._close([])
        values, (self._process,) = json.loads(answer), descriptors
        self._child_pid = values["pid"]
        if values["refusal"] is not None:
            logger.warning("job %s: its process is not forked: %s", self._spec.job_id, values["refusal"])
        self.send_spec(self._spec)
        return []

    def _pid(self) -> int | None:
        return self._child_pid

    def _kill(self) -> None:
        """Kill the child; before it is forked, let it find its input closed, which it then exits upon."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
        elif not self._is_withdrawn:
            self._is_withdrawn = True
            self._close_pipes()

    def stop(self, seconds: float) -> None:
        """Tell the child to save its state and stop; one that is not forked yet has none."""
        super().stop(seconds if self._process is not None else 0)

    def _wait(self) -> int | None:
        if self._process is None:
            return None
        select.select([self._process], [], [])  # readable once the process has ended
        with suppress(ConnectionResetError):
            status = self._link.recv(_ANSWER_BYTES)
            return int(status) if status else None
        return None

    def _close_pipes(self) -> None:
        super()._close_pipes()
        self._link.close()
        if self._process is not None:
            os.close(self._process)
