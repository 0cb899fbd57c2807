"""The parent's side of the process that parses hostile bytes: `ParserProcess`."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.parsers.table import PARSERS

ERRORS = "errors.log"
START_SECONDS = 300
"""Longest that loading all libraries and making the samples of a parser may take on a busy machine."""
CASE_SECONDS = 20
"""Longest that parsing a few kilobytes may take on a busy machine; it takes milliseconds."""


class ParserProcess:
    """A child that parses one input at a time, started again where one ended it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._prepared: set[str] = set()

    def samples(self, name: str) -> list[bytes]:
        """Return the valid samples of a parser, which the child has made and parsed."""
        self._start(name)
        return [path.read_bytes() for path in sorted((self._folder / "samples" / name).iterdir())]

    def parse(self, name: str, data: bytes) -> dict[str, Any]:
        """Return how parsing ends: `outcome`, `detail`, and `events` that are forbidden."""
        process = self._start(name)
        (self._folder / PARSERS[name].file_name).write_bytes(data)
        line = self._ask(process, f"parse {name}", CASE_SECONDS)
        if line is None:
            self.stop()
            return {"outcome": "hung", "detail": f"after {CASE_SECONDS} seconds", "events": []}
        if not line:
            return {"outcome": "crashed", "detail": f"exit status {self.stop()}", "events": []}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> int | None:
        """End the child; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            process.wait(timeout=0.5)  # it may be about to end
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        return process.returncode

    def _start(self, name: str) -> subprocess.Popen[str]:
        """Return the child, which has prepared a parser."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.parsers.child", str(self._folder)]
            with (self._folder / ERRORS).open("w") as errors:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
                )
            self._prepared = set()
        if name not in self._prepared:
            answer = self._ask(self._process, f"prepare {name}", START_SECONDS)
            assert answer, (self._folder / ERRORS).read_text()[-3000:]
            self._prepared.add(name)
        return self._process

    @staticmethod
    def _ask(process: subprocess.Popen[str], command: str, seconds: float) -> str | None:
        """Return a line of output, empty at its end; None where none comes in time."""
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        process.stdin.write(f"{command}\n")
        process.stdin.flush()
        return process.stdout.readline() if select.select([process.stdout], [], [], seconds)[0] else None
