"""Findings on disk: those recorded here stand before those shipped, and no file can break the list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.exceptions import NotFound
from app.storage.findings import MAX_BYTES, MAX_FINDINGS, FindingStore, record


@pytest.fixture
def store(tmp_path: Path) -> FindingStore:
    for folder, name in (("local", "depth"), ("local", "new"), ("shipped", "depth"), ("shipped", "gates")):
        record(tmp_path / folder, name, f'{{"from": "{folder}"}}')
    return FindingStore(tmp_path / "local", tmp_path / "shipped")


def test_finding_store_lists_both_sources_by_name(store: FindingStore) -> None:
    listed = [(finding.name, finding.source) for finding in store.list()]
    assert listed == [("depth", "local"), ("depth", "shipped"), ("gates", "shipped"), ("new", "local")]


def test_finding_store_prefers_what_was_measured_here(store: FindingStore) -> None:
    assert store.get("depth").content == {"from": "local"}
    assert store.get("depth", "shipped").content == {"from": "shipped"}
    assert store.get("gates").source == "shipped"


@pytest.mark.parametrize(("name", "source"), [("new", "shipped"), ("gates", "local"), ("../x", None), ("", None)])
def test_finding_store_says_which_findings_there_are(store: FindingStore, name: str, source: None) -> None:
    with pytest.raises(NotFound, match="there are: depth, gates, new"):
        store.get(name, source)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "the file is no JSON"),
        (b"\xff", "the file is no JSON"),
        (b'{"x": NaN}', "the file is no JSON"),
        (b"[" * 5000, "the file is no JSON"),
        (b"[]", "the file holds no JSON object"),
        (b" " * (MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
    ],
)
def test_finding_store_says_what_is_wrong_with_a_file(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    (finding,) = FindingStore(tmp_path, tmp_path / "none").list()
    assert (finding.name, finding.content, finding.problem) == ("bad", None, problem)


def test_finding_store_waits_for_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (finding,) = FindingStore(tmp_path, tmp_path / "none").list()
    assert finding.problem == "a pipe, not a file"


def test_finding_store_passes_over_other_names_and_too_many(tmp_path: Path) -> None:
    for i in range(MAX_FINDINGS + 5):
        record(tmp_path, f"n{i:03}", "{}")
    (tmp_path / "Notes of mine.json").write_text("{}")
    assert [finding.name for finding in FindingStore(tmp_path, tmp_path / "none").list()][
        -1
    ] == f"n{MAX_FINDINGS - 1:03}"


def test_record_replaces_an_earlier_finding_and_leaves_nothing_else(tmp_path: Path) -> None:
    for content in ("{}", '{"later": true}'):
        record(tmp_path / "deep" / "folder", "cats", content)
    assert [path.name for path in (tmp_path / "deep" / "folder").iterdir()] == ["cats.json"]
    assert FindingStore(tmp_path / "deep" / "folder").get("cats").content == {"later": True}
