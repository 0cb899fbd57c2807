"""A service with the shipped models, and a worker: `serving`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKPOINTS = Path("checkpoints")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the shipped models, copied into `folder`, with a worker; yield the address."""
    link_checkpoints(folder / "checkpoints")
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0"]
    folders = ["--checkpoints", str(folder / "checkpoints"), "--data", str(folder / "data")]
    environment = {**os.environ, "NEXTWORD_JOB_NICENESS": "0"}
    with subprocess.Popen([*command, *folders], stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None, "it is a pipe"
        try:
            lines = iter(server.stdout.readline, "")
            yield next(line for line in lines if "/v1/models" in line).split()[-1].removesuffix("/v1/models")
        finally:
            server.terminate()


def link_checkpoints(folder: Path) -> None:
    """Make a folder with the shipped models, whose files are hard links where the file system has them."""
    for path in CHECKPOINTS.rglob("*"):
        target = folder / path.relative_to(CHECKPOINTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            try:
                os.link(path, target)
            except OSError:
                target.write_bytes(path.read_bytes())
