"""Counts of the vocabulary of a shard, and their file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.errors import InvalidInput, InvalidText
from models.recipes.map_reduce.census import Census, Reading, take_census
from models.recipes.map_reduce.work_folder import WorkFolder
from models.tokenization.config import TokenizerConfig
from tests.models.recipes.map_reduce.conftest import READING


def test_take_census_counts_forms_and_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("<s> the cat </s>\n<s> the dog </s>\n")
    census = take_census(tmp_path / "a.txt", READING)
    assert census.counts == {"the": 2, "cat": 1, "dog": 1}
    assert (census.lines, census.marks, census.shard) == (2, (True, True), "a.txt")
    assert Census.read(census.write(WorkFolder(tmp_path))) == census


def test_take_census_refuses_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(InvalidText, match=r"there is none in .*empty"):
        take_census(tmp_path / "empty", READING)
    with pytest.raises(InvalidInput, match="none is not one"):
        take_census(tmp_path / "none", READING)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (TokenizerConfig("bpe"), "tokenizer"),
        (TokenizerConfig("unigram"), "tokenizer"),
        (TokenizerConfig("character"), "texts"),
    ],
    ids=str,
)
def test_reading_refuses_what_cannot_be_summed(config: TokenizerConfig, field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        Reading(config)


def test_census_write_keeps_two_shards_of_one_name_apart(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "work")
    for folder, text in (("a", "the cat\n"), ("b", "the dog\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "text").write_text(text)
    first = take_census(tmp_path / "a" / "text", READING)
    assert first.write(work) == first.write(work)
    with pytest.raises(InvalidInput, match=r"shard: must have a name of its own: .*text.json"):
        take_census(tmp_path / "b" / "text", READING).write(work)


def test_census_write_refuses_the_name_of_an_unfinished_file(tmp_path: Path) -> None:
    (tmp_path / ".text").write_text("the cat\n")
    with pytest.raises(InvalidInput, match="shard: must have a name that begins with no dot"):
        take_census(tmp_path / ".text", READING).write(WorkFolder(tmp_path))


@pytest.mark.parametrize(
    "change",
    [{"counts": {"a": -1}}, {"counts": {"a": "1"}}, {"counts": []}, {"marks": [True]}, {"digest": {}}, {"lines": None}],
    ids=str,
)
def test_census_read_refuses_another_content(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "text").write_text("the cat\n")
    path = take_census(tmp_path / "text", READING).write(WorkFolder(tmp_path))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InvalidInput, match=r"text.json is damaged or was altered"):
        Census.read(path)
    path.write_text("{")
    with pytest.raises(InvalidInput, match=r"text.json is damaged or was altered"):
        Census.read(path)
