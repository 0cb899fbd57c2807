"""Options of `make serve`, as a dry run prints them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_serve_takes_options_from_its_command_line_alone() -> None:
    environment = {**os.environ, "HOST": "another-programs", "DATA": "another-programs", "PORT": "1"}
    environment = {name: value for name, value in environment.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES")}

    def serve_command(*options: str) -> list[str]:
        command = ["make", "--dry-run", "serve", *options]
        output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        line = next(line for line in output.splitlines() if "nextword serve" in line)
        return line.split()[2:]

    assert serve_command() == ["serve"]
    assert serve_command("PORT=44151", "HOST=::1") == ["serve", "--host", "::1", "--port", "44151"]
    assert serve_command("DATA=d", "CHECKPOINTS=c", "PORT=") == ["serve", "--checkpoints", "c", "--data", "d"]
