"""The page of claims about n-grams: its commands print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.checkpoint.card import CARD_FILE, Card, FileDigest
from models.checkpoint.load import load
from models.ngram.model import NgramModel

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "claims-ngram.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a `nextword` command."""
    folder = tmp_path_factory.mktemp("claims")
    command = folder / "bin" / "nextword"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m app.cli.main "$@"\n')
    command.chmod(0o755)
    return folder


def printed(script: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTWORD_")}
    environment["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    command = ["bash", "-c", f"set -euo pipefail\n{script}"]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_claims_page_shows_what_its_commands_print(folder: Path) -> None:
    blocks = BLOCK.findall(PAGE)
    assert [kind for kind, _ in blocks] == ["sh", *["sh", "text"] * 4]
    making, *asking = blocks
    printed(making[1], folder)
    for (_, script), (_, expected) in zip(asking[::2], asking[1::2], strict=True):
        assert printed(script, folder) == expected


def test_claims_page_makes_the_model_that_is_shipped(folder: Path) -> None:
    made, shipped = (root / "checkpoints" / "students" / "1" for root in (folder, ROOT))
    if not made.exists():
        printed(BLOCK.findall(PAGE)[0][1], folder)
    text = ROOT / "benchmarks" / "recipes" / "students.txt"
    assert (folder / "students.txt").read_bytes() == text.read_bytes()
    assert Card.read(shipped / CARD_FILE).provenance.corpus == {"students.txt": FileDigest.of(text)}
    for name in ("weights.safetensors", "counts.safetensors", "tokenizer.json"):
        assert (made / name).read_bytes() == (shipped / name).read_bytes()


def test_shipped_students_have_the_textbooks_numbers() -> None:
    checkpoint = load(ROOT / "checkpoints" / "students" / "1")
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    assert isinstance(model, NgramModel)
    assert model.counts is not None
    books, exams = (
        model.counts.describe(tokenizer.encode(f"students opened their {word}").ids.tolist())[0]
        for word in ("books", "exams")
    )
    assert (books.count, exams.count, books.context_count) == (400, 100, 1000)
    assert (books.relative_frequency, exams.relative_frequency) == (0.4, 0.1)
