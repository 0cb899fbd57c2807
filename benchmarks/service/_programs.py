"""Programs of ours that benchmarks start, ask and give text to."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.cli.http_client import ServiceError


@contextmanager
def running_programs(commands: list[list[str]], **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run Python with some arguments each, told to stop at the end of the block."""
    started = [
        subprocess.Popen([sys.executable, *command], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def ask_until_answered(ask: Callable[[], Any], seconds: float = 120) -> Any:
    """Ask a service that may not be ready yet, for so long; return its answer. Raises ServiceError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except ServiceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def write_words(path: Path, lines: int) -> Path:
    """Write lines of random words, the same at each call."""
    numbers = random.Random(1)
    words = [f"w{n}" for n in range(2000)]
    path.write_text("".join(" ".join(numbers.choices(words, k=12)) + "\n" for _ in range(lines)))
    return path
