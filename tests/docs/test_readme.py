"""README and the generated pages: current tables, an answer for each call, and the test command of CI."""

from pathlib import Path

import pytest

from models.checkpoint.load import load
from models.checkpoint.repository import list_checkpoints
from tools import reference
from tools.documents import CALL

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("README.md", reference.model_table),
        ("docs/benchmarks/index.md", reference.model_table),
        ("docs/reference/settings.md", reference.settings_table),
        ("docs/reference/command-line.md", reference.command_sections),
    ],
)
def test_generated_tables_are_current(page, table, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert table() in (ROOT / page).read_text(encoding="utf-8"), "run: python -m tools.reference"


@pytest.mark.parametrize("ref", list_checkpoints(ROOT / "checkpoints"), ids=lambda ref: ref.id)
def test_shipped_models_are_whole_and_a_mixture_is_made_of_those_that_are_shipped(ref):
    load(ref.path)


def test_readme_has_the_test_command_that_ci_runs():
    assert "\nmake test " in README
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()


def test_readme_has_an_answer_for_every_call():
    calls = list(CALL.finditer(README))
    assert len(calls) > 8
    for call in calls:
        assert call[0].count("\n") > 2, call["command"]


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_first_pages_are_short(page):
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= 150
