"""Examples of recipes: which are held out, and what is told where there are too few."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.data.corpus import Corpus
from models.errors import InvalidInput
from models.recipes.task_examples import read_split
from models.recipes.task_recipe import TaskRecipe
from models.tasks.fill_in.config import FillInConfig


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_text("text,label\n" + "".join(f"film {i},{'rare' if i % 5 == 0 else 'usual'}\n" for i in range(40)))
    return path


def test_read_split_holds_out_a_share_of_each_label(table: Path) -> None:
    rest, held_out = read_split(TaskRecipe("x", (table,), validation_fraction=0.25))
    assert (len(rest), len(held_out)) == (30, 10)
    assert sum(example.labels == ("rare",) for example in held_out) == 2  # 8 of 40 are rare
    assert {example.line for example in rest}.isdisjoint(example.line for example in held_out)


def test_read_split_holds_out_by_the_split_seed_alone(table: Path) -> None:
    recipe = TaskRecipe("x", (table,), validation_fraction=0.25)
    assert read_split(recipe) == read_split(replace(recipe))
    assert read_split(recipe) != read_split(replace(recipe, split_seed=2))


@pytest.mark.parametrize("seed", range(20))
def test_read_split_learns_from_a_label_that_one_example_has(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "films.csv"
    labels = [*"aaaaab", *"c" * 94]
    path.write_text("text,label\n" + "".join(f"film {i},{label}\n" for i, label in enumerate(labels)))
    rest, held_out = read_split(TaskRecipe("x", (path,), split_seed=seed))
    assert {example.labels for example in rest} == {("a",), ("b",), ("c",)}
    assert len(rest) + len(held_out) == 100
    assert 9 <= len(held_out) <= 10
    assert [example.line for example in rest] == sorted(example.line for example in rest)


def test_read_split_refuses_to_measure_on_labels_that_nothing_else_has(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_text("text,label\n" + "".join(f"film,{i}\n" for i in range(10)))
    with pytest.raises(InvalidInput, match="validation_fraction: every example that it holds out has a label"):
        read_split(TaskRecipe("x", (path,), validation_fraction=0.2))


def test_read_split_takes_a_file_of_its_own_or_nothing(table: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text,label\nnew,usual\n")
    rest, held_out = read_split(TaskRecipe("x", (table,), validation=tmp_path / "more.csv"))
    assert (len(rest), len(held_out)) == (40, 1)
    assert read_split(TaskRecipe("x", (table,), validation_fraction=0))[1] == []


def test_read_split_of_plain_text_holds_out_its_end(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b\n" * 8 + "c d\n" * 2)
    recipe = TaskRecipe("x", (tmp_path / "text.txt",), FillInConfig(), validation_fraction=0.2)
    _, held_out = read_split(recipe)
    assert isinstance(held_out, Corpus)
    assert "".join(held_out.chunks()) == "c d\n" * 2
    assert read_split(replace(recipe, validation_fraction=0))[1] is None


def test_read_split_names_the_field_where_nothing_is_left(table: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^validation_fraction: must leave examples on both sides"):
        read_split(TaskRecipe("x", (table,), validation_fraction=0.001))
