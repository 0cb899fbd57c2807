"""Snippets of the page on OpenAI's clients, run as written; every client says the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "use-openai-clients.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDRESS = "127.0.0.1:8000"


def snippets(language: str, address: str) -> list[str]:
    return [code.replace(ADDRESS, address) for name, code in BLOCK.findall(PAGE) if name == language]


def test_openai_page_prints_the_same_text_by_every_client(address: str) -> None:
    code = "\n".join(snippets("python", address))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    by_openai, by_httpx, logprobs = run.stdout.splitlines()
    assert by_openai == by_httpx != ""
    assert logprobs.startswith("[None, -")
    assert logprobs.count(",") == 4  # five words


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands need curl")
def test_openai_page_has_commands_that_work(address: str) -> None:
    (command,) = snippets("sh", address)
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert '"object":"text_completion"' in run.stdout
