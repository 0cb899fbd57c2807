"""`nextword mix`: options, a recipe, and the published model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models.checkpoint.load import load
from tests.helpers.command_line import Run
from tests.helpers.texts import some_text


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "checkpoints"))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "held-out.txt"
    path.write_text(some_text(40), encoding="utf-8")
    return path


def test_mix_fits_evaluates_and_publishes_a_mixture(nextword: Run, root: Path, text: Path) -> None:
    done = nextword("mix", "words", "lstm@1", "--name", "both", "--validation", text, "--quiet", root=root)
    assert done.status == 0, done.err
    assert done.out.startswith("published both@1 ")
    assert "weights " in done.out
    assert "on held-out lines" in done.out
    output = load(root / "both" / "1")
    assert [member.model for member in output.card.members] == ["words@1", "lstm@1"]
    assert output.card.provenance.command.startswith("nextword mix words lstm@1 --name both")
    assert nextword("next", "both", "--context", "the", root=root).status == 0


def test_mix_options_win_over_the_recipe(nextword: Run, root: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mix.toml"
    recipe.write_text('name = "both"\nmembers = ["words", "lstm"]\n[model]\nweights = [0.5, 0.5]\n')
    done = nextword("mix", "--recipe", recipe, "--weights", "0.75,0.25", "--json", "--quiet", root=root)
    assert done.status == 0, done.err
    assert json.loads(done.out)["kind"] == "mixture"
    assert load(root / "both" / "1").card.config == {"weights": [0.75, 0.25]}


def test_mix_publishes_a_cache_over_a_model(nextword: Run, root: Path, text: Path) -> None:
    for kind, base in (("cache", "words"), ("neural_cache", "lstm")):
        done = nextword("mix", base, "--kind", kind, "--name", kind, "--window", "50", "--quiet", root=root)
        assert done.status == 0, done.err
        assert load(root / kind / "1").card.config["window"] == 50
        measured = nextword("evaluate", kind, text, "--unit", "document", "--json", "--quiet", root=root)
        assert json.loads(measured.out)["adaptive"] is True


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["words", "lstm"], "name: required (--name, or `name` in the recipe)"),
        (["words", "lstm", "--name", "x"], "validation: must be a text to fit the weights to"),
        (["words", "none", "--name", "x", "--weights", "0.5,0.5"], "members: no checkpoint 'none'"),
        (["words", "lstm", "--name", "x", "--weights", "0.5,0.6"], "model.weights: must sum to 1"),
        (["words", "lstm", "--name", "x", "--weights", "half"], "is not numbers separated by commas"),
        (["words", "letters", "--name", "x", "--weights", "0.5,0.5"], "members: must share a tokenizer"),
        (["words", "--name", "x", "--kind", "cache", "--theta", "1"], "model.theta: unknown"),
        (["words", "--name", "x", "--kind", "neural_cache"], "members: must be one recurrent model"),
    ],
)
def test_mix_names_the_member_at_fault(nextword: Run, root: Path, flags: list[str], message: str) -> None:
    done = nextword("mix", *flags, "--quiet", root=root)
    assert done.status == 2
    assert message in done.err
    assert not (root / "x").exists()
