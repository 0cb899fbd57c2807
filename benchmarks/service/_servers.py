"""Servers as processes of their own on free ports of this machine, from ready to ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen


@contextmanager
def nextword(checkpoints: Path, code: Path | None = None, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """`nextword serve` with all models loaded; its process has the attribute `port`. `code` is another checkout."""
    with tempfile.TemporaryDirectory() as data:
        chosen = {f"NEXTWORD_{name.upper()}": str(value) for name, value in {"data": data, **settings}.items()}
        checkout = {} if code is None else {"PYTHONPATH": str(code.resolve()), "PYTHONSAFEPATH": "1"}
        chosen["PYTHONDONTWRITEBYTECODE"] = ""  # as users have it: modules are compiled at the first start only
        command = [sys.executable, "-m", "app.cli.main", "serve", "--no-worker", "--checkpoints"]
        with running([*command, str(checkpoints.resolve()), "--port"], "/health/ready", chosen | checkout) as process:
            yield process


@contextmanager
def running(
    command: list[str], ready: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with a free port as its last argument; enter the context once `ready` answers."""
    port = free_port()
    process = subprocess.Popen(
        [*command, str(port)],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait(process, f"http://127.0.0.1:{port}{ready}")
        process.port = port  # type: ignore[attr-defined]
        yield process
    finally:
        process.terminate()
        process.wait()
        with suppress(ProcessLookupError):  # what it started may outlive it
            os.killpg(process.pid, signal.SIGKILL)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time of a server so far, in seconds, all its processes together.

    Beside a busy machine's clock it says what a quiet one would be able to do.
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended since
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == process.pid:  # its session, which `running` has made its own
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Return once the address answers with 200. Raises RuntimeError when the process ends first."""
    while process.poll() is None:
        try:
            with urlopen(address):
                return
        except (HTTPError, URLError, ConnectionError):  # not ready, or not listening yet
            time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
