"""Vocabulary of all shards, and ranges of its words."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, TrainingFailed
from models.recipes.map_reduce.census import Reading, take_census
from models.recipes.map_reduce.plan import Plan, balanced_cuts, freeze
from models.recipes.map_reduce.work_folder import WorkFolder
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.models.recipes.map_reduce.conftest import READING, TEXTS


@pytest.mark.parametrize(
    "config",
    [
        TokenizerConfig(),
        TokenizerConfig(lowercase=True, min_count=2, max_size=6),
        TokenizerConfig("character", texts="lines"),
    ],
    ids=str,
)
def test_freeze_makes_the_tokenizer_of_one_process(config: TokenizerConfig, tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_text(text)
        take_census(tmp_path / f"{number}.txt", Reading(config)).write(work)
    freeze(work, 2, 2)
    alone = Tokenizer.train(config, ["".join(TEXTS)])
    alone.save(tmp_path / "alone.json")
    assert work.tokenizer.read_bytes() == (tmp_path / "alone.json").read_bytes()


def test_freeze_reads_the_tokenizer_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("the\ncat\n")
    (tmp_path / "text").write_text("the cat sat\n")
    work = WorkFolder(tmp_path)
    take_census(tmp_path / "text", Reading(TokenizerConfig(file=str(tmp_path / "words")))).write(work)
    plan = freeze(work, 2, 1)
    assert plan.read_tokenizer(work).vocabulary == ["<unk>", "</s>", "the", "cat"]


def test_freeze_refuses_censuses_of_different_settings(work: WorkFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("The dog\n")
    take_census(other, Reading(TokenizerConfig(lowercase=True))).write(work)
    with pytest.raises(InvalidInput, match=r"must be of one reading, and .*shard-0.txt.json differs"):
        freeze(work, 3, 2)


def test_freeze_refuses_sentence_marks_in_some_shards(work: WorkFolder, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("<s> the dog </s>\n")
    take_census(other, READING).write(work)
    with pytest.raises(InvalidInput, match="must be of one marks"):
        freeze(work, 3, 2)


def test_freeze_needs_a_census_and_a_token(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no census"):
        freeze(WorkFolder(tmp_path), 3, 2)
    (tmp_path / "text").write_text("the cat\n")
    take_census(tmp_path / "text", Reading(TokenizerConfig(min_count=2))).write(WorkFolder(tmp_path))
    with pytest.raises(TrainingFailed):
        freeze(WorkFolder(tmp_path), 3, 2)


@pytest.mark.parametrize(("order", "parts"), [(0, 1), (33, 1), (2, 0), (2, 10_001)])
def test_freeze_refuses_numbers_out_of_bounds(work: WorkFolder, order: int, parts: int) -> None:
    with pytest.raises(InvalidInput, match=r"order|parts"):
        freeze(work, order, parts)


@pytest.mark.parametrize(
    "change",
    [
        {"cuts": [0, 5, 3]},
        {"cuts": [0]},
        {"cuts": [*range(10_002)]},
        {"order": "3"},
        {"shards": []},
        {"format": 2},
        {"reading": {}},
        {"cuts": 1},
        {"shards": [{"path": "..", "digest": {"sha256": "", "size": 1}}]},
    ],
    ids=str,
)
def test_plan_read_refuses_another_content(work: WorkFolder, change: dict[str, object]) -> None:
    work.plan.write_text(json.dumps(json.loads(work.plan.read_text()) | change))
    with pytest.raises(InvalidInput, match=r"plan.json is damaged or was altered"):
        Plan.read(work)


def test_plan_read_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"plan.json is missing: run `nextword counts freeze` first"):
        Plan.read(WorkFolder(tmp_path))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30).filter(any), st.integers(1, 9))
def test_balanced_cuts_cover_all_words_evenly(occurrences: list[int], parts: int) -> None:
    cuts = balanced_cuts(occurrences, parts)
    assert cuts == sorted(cuts)
    assert (cuts[0], cuts[-1], len(cuts)) == (0, len(occurrences), parts + 1)
    sizes = [sum(occurrences[a:b]) for a, b in pairwise(cuts)]
    assert max(sizes) <= sum(occurrences) / parts + max(occurrences)
