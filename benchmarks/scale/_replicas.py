"""Servers behind HAProxy by `deploy/haproxy.cfg`, on loopback, to be killed and replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.service._servers import free_port, wait

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
MOST = 3
"""Servers that the configuration names."""
DRAIN_SECONDS = 2.0
"""Somewhat more than the two checks, half a second apart, after which HAProxy sends nothing more."""
SEEN_SECONDS = 1.5
"""How long HAProxy may take to see that a server is ready again."""


def find_haproxy() -> str | None:
    """Return HAProxy's program; None where it is not installed."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def haproxy(ports: Sequence[int], log: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run HAProxy before servers on these ports; its process has the attribute `port`.

    Raises RuntimeError where HAProxy is missing.
    """
    program, port = find_haproxy(), free_port()
    if program is None:
        raise RuntimeError("HAProxy is not installed (apt-get install haproxy)")
    places = {f"NEXTWORD_SERVER_{number}": f"127.0.0.1:{port}" for number, port in enumerate(ports, 1)}
    environment = {**os.environ, "NEXTWORD_BIND": f"127.0.0.1:{port}", **places}
    command = [program, "-db", "-f", str(CONFIGURATION)]
    output = log or subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True) as process:
        try:
            wait(process, f"http://127.0.0.1:{port}/health/ready")
            time.sleep(SEEN_SECONDS)
            process.port = port  # type: ignore[attr-defined]
            yield process
        finally:
            process.terminate()


class Replicas:
    """Servers of the same models, uploads and database, each on a port of its own."""

    def __init__(self, checkpoints: Path, data: Path, database_url: str, log: IO[bytes] | None = None) -> None:
        self.ports = [free_port() for _ in range(MOST)]
        self._checkpoints, self._data, self._log = checkpoints, data, log
        self._environment = {
            **os.environ,
            "NEXTWORD_DATABASE_URL": database_url,
            "NEXTWORD_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "NEXTWORD_LOG_LEVEL": "warning",
            "NEXTWORD_THREADS": "1",
        }
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def begin(self, number: int) -> None:
        """Begin a server, and wait until it is ready."""
        folders = ["--checkpoints", str(self._checkpoints), "--data", str(self._data)]
        command = [sys.executable, "-m", "app.cli.main", "serve", "--no-worker", *folders]
        self.processes[number] = process = subprocess.Popen(
            [*command, "--port", str(self.ports[number])],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )
        wait(process, f"http://127.0.0.1:{self.ports[number]}/health/ready")

    def kill(self, number: int) -> None:
        """End a server and its guardian at once, with signal 9."""
        os.killpg(self.processes[number].pid, signal.SIGKILL)
        self.processes.pop(number).wait()

    def stop(self, number: int) -> int:
        """Tell a server to end, and return its status once it has."""
        process = self.processes.pop(number)
        process.terminate()
        return process.wait(60)

    def replace(self, number: int) -> int:
        """Put another server in the place of one that ends in order; return that one's status."""
        status = self.stop(number)
        self.begin(number)
        time.sleep(SEEN_SECONDS)
        return status

    @contextmanager
    def running(self, count: int = MOST) -> Iterator[None]:
        """Run the first `count` servers while the block lasts."""
        try:
            for number in range(count):
                self.begin(number)
            yield
        finally:
            self._stop_all()

    def _stop_all(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(60)
        self.processes.clear()
