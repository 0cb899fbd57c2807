"""Links to the input files of a job's work: their uploaders' names, each once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.worker.child.input_links import link_inputs
from app.worker.run_protocol import InputFile
from tests.helpers.jobs import RUN_SPEC


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_link_inputs_keeps_names_and_tells_equal_ones_apart(store: Path) -> None:
    spec = replace(
        RUN_SPEC,
        training=InputFile("a", "films.csv"),
        validation=InputFile("b", "films.csv"),
        more_files={"vectors_file": InputFile("c", "v.npy"), "training_file.1": InputFile("c", "films.csv")},
    )
    links = link_inputs(spec, store / "inputs")
    assert {field: str(path) for field, path in links.items()} == {
        "training": "films.csv",
        "validation": "validation-films.csv",
        "vectors_file": "v.npy",
        "training_file.1": "training_file.1-films.csv",
    }
    assert [path.read_text() for path in links.values()] == ["a", "b", "c", "c"]
    assert Path.cwd() == store / "inputs"


def test_link_inputs_replaces_the_links_of_an_earlier_attempt(store: Path) -> None:
    link_inputs(replace(RUN_SPEC, training=InputFile("a", "t.txt")), store / "inputs")
    links = link_inputs(replace(RUN_SPEC, training=InputFile(str(store / "b"), "t.txt")), store / "inputs")
    assert links["training"].read_text() == "b"
    assert list(links) == ["training"]
