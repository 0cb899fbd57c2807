"""Placing corpora: what matches is copied, what differs is told, nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from models.checkpoint.card import FileDigest
from tools import corpora

ROOT = Path(__file__).parents[2]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "corpora" / "books" / "book.txt"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "deep" / "book.txt"
    path.parent.mkdir(parents=True)
    path.write_text("It was a dark and stormy night .\n")
    return path


def test_place_copies_the_text_whose_hash_is_right(target, source):
    digest = FileDigest.of(source)
    assert corpora.place(target, digest, [source], accept_any=False) == "placed"
    assert target.read_bytes() == source.read_bytes()
    assert corpora.place(target, digest, [], accept_any=False) == "there"


def test_place_prefers_the_right_one_of_several(target, source):
    digest = FileDigest.of(source)
    other = source.with_name("other.txt")
    other.write_text("another book\n")
    assert corpora.place(target, digest, [other, source], accept_any=True) == "placed"
    assert FileDigest.of(target) == digest


def test_place_leaves_out_another_text_unless_any_is_accepted(target, source):
    digest = FileDigest.of(source)
    source.write_text("another text\n")
    assert corpora.place(target, digest, [source], accept_any=False) == "differs"
    assert not target.exists()
    assert corpora.place(target, digest, [source], accept_any=True) == "differs"
    assert target.read_text() == "another text\n"


def test_place_says_what_is_missing(target, source):
    assert corpora.place(target, FileDigest.of(source), [], accept_any=True) == "missing"
    assert not target.exists()


def test_wanted_texts_are_those_of_all_recipes(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {str(path) for path in corpora.wanted_texts()}
    assert len(names) == 30
    assert "corpora/tinyshakespeare/input.txt" in names
    assert "corpora/masc/train.txt" in names
    assert "corpora/gutenberg/chesterton-thursday.txt" in names


def test_main_lists_what_is_missing_and_what_cannot_be_had(monkeypatch, tmp_path):
    for name in ("checkpoints", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(corpora.main, [])
    assert run.exit_code == 1
    assert "missing  corpora/gutenberg/austen-emma.txt: a book of the collection" in run.output
    assert "Penn Treebank: under copyright" in run.output
