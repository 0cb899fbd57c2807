"""README's first calls with real answers, from a service with the shipped models.

`python -m tools.readme` runs every call of README.md against a service of its own and writes the answers into it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tools.documents import CALL

README = Path("README.md")
CHECKPOINTS = Path("checkpoints")
DOCUMENTED_ADDRESS = "localhost:8000"
START_SECONDS = 240


def main() -> None:
    """Replace the answer of every call."""
    text = README.read_text(encoding="utf-8")
    with running_service() as address:
        text = CALL.sub(lambda call: with_answer(call["command"], address), text)
    README.write_text(text, encoding="utf-8")


def with_answer(command: str, address: str) -> str:
    """Return the block of one call with its real answer. Raises CalledProcessError where the call fails."""
    run = subprocess.run(
        ["bash", "-c", command.replace(DOCUMENTED_ADDRESS, address)], capture_output=True, text=True, check=True
    )
    answer = run.stdout.replace(address, DOCUMENTED_ADDRESS).strip()
    return f"```console\n$ {command}\n{answer}\n```"


@contextmanager
def running_service(checkpoints: Path = CHECKPOINTS, *, worker: bool = False) -> Iterator[str]:
    """Serve the models in `checkpoints` while the block lasts; yields the address, when all are loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
        command += ["--worker" if worker else "--no-worker", "--checkpoints", str(checkpoints), "--data", data]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_ready(address, server)
            yield address
        finally:
            server.terminate()
            server.wait()


def wait_until_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    """Return once all models are loaded. Raises TimeoutError, and RuntimeError where the server has ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://{address}/health/ready") as answer:
                if json.load(answer)["status"] == "ready":
                    return
        except OSError:  # not listening yet, or not ready
            pass
        if server.poll() is not None:
            raise RuntimeError(f"the service ended at its start, with status {server.returncode}")
        time.sleep(0.2)
    raise TimeoutError(f"the service is not ready after {START_SECONDS} seconds")


if __name__ == "__main__":
    main()
