"""README says what is so: its tables are those that its command makes, and its test command is the one that CI runs."""

from pathlib import Path

import pytest

from benchmarks import readme
from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [readme.models, readme.settings])
def test_tables_are_current(table, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert table() in README


@pytest.mark.parametrize("entry", list_checkpoints(ROOT / "checkpoints"), ids=lambda entry: entry.id)
def test_shipped_models_are_whole_and_a_mixture_is_made_of_those_that_are_shipped(entry):
    load(entry.path)


def test_ci_runs_the_test_command():
    assert "\nmake test " in README
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()


def test_every_call_has_an_answer():
    calls = list(readme.CALL.finditer(README))
    assert len(calls) > 8
    for call in calls:
        assert call[0].count("\n") > 2, call["command"]
