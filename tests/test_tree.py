"""ARCHITECTURE.md's tree is the tree, and every file in it says what it is."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import tree

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)
    if subprocess.run(["git", "rev-parse"], capture_output=True).returncode:
        pytest.skip("not a git checkout, so what belongs to the tree cannot be told")


def test_the_tree_is_current():
    assert tree.tree() in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), "run: python -m benchmarks.tree"


def test_every_file_says_what_it_is():
    for line in tree.tree().splitlines():
        assert not line.startswith("  ") or len(line.split()) > 2, line
