"""Rebuilding of shipped models: in order, by their commands, and compared honestly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import run
from models.checkpoint.card import CARD_FILE
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from tools import checkpoints

ROOT = Path(__file__).parents[2]
LINES = "the cat sat .\nthe dog sat .\n" * 50


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model and a cache over it, published from recipes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Path("text.txt").write_text(LINES)
    Path("words.toml").write_text('name = "words"\nfiles = ["text.txt"]\n[model]\nkind = "ngram"\norder = 2\n')
    recipe = 'name = "a-cache"\nmembers = ["words"]\nvalidation = "text.txt"\n[model]\nkind = "cache"\n'
    Path("mix.toml").write_text(recipe)
    assert run(["train", "--recipe", "words.toml", "--quiet"]) == 0
    assert run(["mix", "--recipe", "mix.toml", "--quiet", "--checkpoints", "checkpoints"]) == 0
    return tmp_path


def test_in_order_builds_members_first(shipped: Path) -> None:
    refs = list_checkpoints(shipped / "checkpoints")
    assert [ref.name for ref in refs] == ["a-cache", "words"]
    assert [ref.name for ref in checkpoints.in_order(refs)] == ["words", "a-cache"]


def test_main_rebuilds_the_same_models_and_tells_one_that_differs(shipped: Path) -> None:
    done = CliRunner().invoke(checkpoints.main, ["out"])
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.output.splitlines()] == [["words@1", "identical"], ["a-cache@1", "identical"]]
    assert list((shipped / "out/words/1").iterdir())
    (shipped / "text.txt").write_text(LINES + "another text .\n" * 30)
    done = CliRunner().invoke(checkpoints.main, ["elsewhere", "words"])
    assert done.exit_code == 1
    assert "words@1" in done.output
    assert "DIFFERS" in done.output


def test_main_rebuilds_one_model_from_published_members(shipped: Path) -> None:
    done = CliRunner().invoke(checkpoints.main, ["out", "a-cache"])
    assert done.output.split() == ["a-cache@1", "identical"]
    assert (shipped / "out/words/1").is_symlink()
    done = CliRunner().invoke(checkpoints.main, ["out"])
    assert done.exit_code == 0, done.output
    assert not (shipped / "out/words/1").is_symlink()


def test_main_tells_a_command_that_fails(shipped: Path) -> None:
    (shipped / "text.txt").unlink()
    done = CliRunner().invoke(checkpoints.main, ["out", "words"])
    assert done.exit_code == 1
    assert "failed: nextword train --recipe words.toml" in done.output


def test_compare_calls_close_figures_alike(shipped: Path) -> None:
    ref = CheckpointRef.from_path(shipped / "checkpoints/words/1")
    CliRunner().invoke(checkpoints.main, ["out", "words"])
    path = shipped / "out/words/1" / CARD_FILE
    card = json.loads(path.read_text())
    card["files"]["weights.safetensors"]["sha256"] = "0" * 64
    card["provenance"]["metrics"]["validation"]["lines"]["perplexity"] *= 1.01
    path.write_text(json.dumps(card))
    comparison = checkpoints.compare(ref, path.parent)
    assert comparison.verdict == "alike: other numbers; lines.perplexity differs most, by 1.00%"


def test_shipped_models_have_commands_that_can_be_run_anew() -> None:
    for ref in list_checkpoints(ROOT / "checkpoints"):
        card = json.loads((ref.path / CARD_FILE).read_text())
        command = checkpoints.own_command(card["provenance"]["command"], Path("out"))
        assert command[0] in ("train", "mix")
        assert (ROOT / command[command.index("--recipe") + 1]).is_file(), ref.id


def test_comparison_without_a_figure_differs() -> None:
    comparison = checkpoints.Comparison("students@1", same_files=False, differences={})
    assert comparison.verdict == "DIFFERS: other numbers, and no figure on held-out text to compare"
