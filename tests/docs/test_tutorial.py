"""The tutorial's commands, run as they are written, on shorter texts and trainings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.readme import DOCUMENTED_ADDRESS

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial"
SHELL_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"^ *(make serve|\. \.venv/bin/activate)$", re.MULTILINE)
"""What starts the service and activates the environment: the test has done so already."""
SHORTER = {"-n 300": "-n 20", "-n 60 ": "-n 10 ", "--epochs 30": "--epochs 1", "--max-tokens 120": "--max-tokens 10"}


def script(page: str) -> str:
    """The commands of a page as one script that ends at the first failure."""
    text = (TUTORIAL / page).read_text(encoding="utf-8")
    commands = "\n".join(match[2] for match in SHELL_BLOCK.finditer(text))
    for long, short in SHORTER.items():
        commands = commands.replace(long, short)
    return "set -euo pipefail\n" + NOT_RUN.sub("", commands)


@pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial's commands need curl")
@pytest.mark.parametrize("page", ["serve.md", "first-ngram.md", "first-lstm.md", "jobs-over-http.md"])
def test_tutorial_works_as_written(page: str, folder: Path, address: str) -> None:
    host, port = address.split(":")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTWORD_")}
    environment |= {"NEXTWORD_HOST": host, "NEXTWORD_PORT": port}
    environment["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    commands = script(page).replace(DOCUMENTED_ADDRESS, address).replace("curl -s", "curl --fail-with-body -s")
    run = subprocess.run(["bash", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert '"error":{' not in run.stdout


def test_tutorial_has_commands_on_every_page():
    for page in TUTORIAL.glob("*.md"):
        assert script(page.name).count("\n") > 5, page.name
