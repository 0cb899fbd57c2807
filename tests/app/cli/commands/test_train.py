"""`nextword train`: options, recipe files and both, and the published model."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from models.checkpoint.load import load
from tests.helpers.command_line import Run

LINES = "the cat sat .\nthe dog sat .\n" * 50


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_train_publishes_a_model_with_its_command(nextword: Run, text: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    done = nextword("train", text, "--name", "cats", "--order", "2", "--licence", "mine", "--json", root=root)
    assert done.status == 0
    result = json.loads(done.out)
    assert result["model"] == "cats@1"
    card = load(root / "cats" / "1").card
    assert shlex.split(card.provenance.command)[:5] == ["nextword", "train", str(text), "--name", "cats"]
    assert card.provenance.licence == "mine"
    assert card.config["order"] == 2
    assert card.provenance.metrics == result["metrics"]
    assert "reading" in done.err
    assert nextword("train", text, "--name", "cats", "--quiet", root=root).out.startswith("published cats@2 ")


def test_train_options_win_over_the_file(nextword: Run, text: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'name = "cats"\nfiles = ["{text}"]\nvalidation_fraction = 0.2\n'
        '[model]\nkind = "gru"\nlayers = 1\nhidden_size = 4\nembedding_size = 4\ntied = false\n'
        "[training]\nepochs = 1\nbatch_size = 2\n[tokenizer]\nlowercase = true\n"
    )
    root = tmp_path / "checkpoints"
    done = nextword("train", "--recipe", recipe, "--hidden-size", "6", "--tied", "--quiet", root=root)
    assert done.status == 0, done.err
    card = load(root / "cats" / "1").card
    assert (card.kind, card.config["hidden_size"], card.config["layers"], card.config["tied"]) == ("gru", 6, 1, True)
    assert card.tokenizer["lowercase"] is True
    assert card.provenance.recipe["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name: required (--name, or `name` in the recipe)"),
        (["--name", "x", "--order", "99"], "model.order: must be a whole number from 1 to 32"),
        (["--name", "x", "--layers", "2"], "model.layers: unknown"),
        (["--name", "x", "--prune", "a"], "not whole numbers"),
        (["--name", "x", "--recipe", "nowhere.toml"], "recipe: nowhere.toml cannot be read"),
    ],
)
def test_train_reports_a_mistake_in_one_line(nextword: Run, text: Path, flags: list[str], message: str) -> None:
    done = nextword("train", text, *flags)
    assert done.status == 2
    assert done.err.startswith("nextword: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_train_names_a_file_that_is_not_toml(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    assert "bad.toml is not TOML" in nextword("train", "--recipe", tmp_path / "bad.toml").err
