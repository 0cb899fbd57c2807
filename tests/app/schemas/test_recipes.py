"""Parsing of recipes: accepted fields, and how each mistake is named."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.schemas.recipes import parse_any_recipe, parse_config, parse_recipe, read_recipe_file
from models.data.labelled.config import LabelledFormat
from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.encoder.config import EncoderConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import ClassifierConfig
from models.tasks.training.config import TaskTrainingConfig
from models.tokenization.config import TokenizerConfig


def test_parse_recipe_reads_every_table() -> None:
    written = {
        "name": "x",
        "files": ["a.txt", "b.txt"],
        "empty_lines": "drop",
        "model": {"kind": "gru", "layers": 1},
        "tokenizer": {"lowercase": True},
        "training": {"epochs": 3},
    }
    assert parse_recipe(written) == Recipe(
        name="x",
        files=(Path("a.txt"), Path("b.txt")),
        model=RecurrentConfig(kind="gru", layers=1),
        tokenizer=TokenizerConfig(lowercase=True),
        training=TrainingConfig(epochs=3),
        empty_lines="drop",
    )


def test_parse_recipe_defaults_to_an_ngram_model() -> None:
    parsed = parse_recipe({"name": "x", "files": ["a"], "model": {"order": 3, "prune": [0, 1]}})
    assert parsed.model == NgramConfig(order=3, prune=(0, 1))
    assert parsed.training is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"nmae": "x"}, "nmae"),
        ({"model": {"kind": "transformer"}}, "model.kind"),
        ({"model": {"order": "3"}}, "model.order"),
        ({"model": {"order": 99}}, "model.order"),
        ({"model": {"layers": 2}}, "model.layers"),
        ({"model": {"kind": "lstm", "order": 3}}, "model.order"),
        ({"model": 3}, "model"),
        ({"tokenizer": {"kind": "syllable"}}, "tokenizer.kind"),
        ({"tokenizer": {"max_size": 1}}, "tokenizer.max_size"),
        ({"training": {"epochs": 1}}, "training"),
        ({"model": {"kind": "lstm"}, "training": {"epochs": -1}}, "training.epochs"),
        ({"files": "a.txt"}, "files"),
        ({"validation_fraction": 2}, "validation_fraction"),
    ],
)
def test_parse_recipe_names_a_mistake_as_written(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_recipe({"name": "x", "files": ["a"]} | change)
    assert caught.value.field == field


def test_parse_recipe_names_a_missing_field() -> None:
    with pytest.raises(InvalidInput, match="files: required"):
        parse_recipe({"name": "x"})


def test_parse_recipe_refuses_a_date() -> None:
    with pytest.raises(InvalidInput, match="text, numbers and lists"):
        parse_recipe({"name": date(2026, 1, 1), "files": ["a"]})


def test_parse_any_recipe_reads_every_table_of_a_task() -> None:
    written = {
        "name": "x",
        "files": ["a.tsv"],
        "validation": "b.tsv",
        "model": {"kind": "classifier", "pooling": "last"},
        "format": {"columns": ["label", "text"]},
        "encoder": {"cell": "gru"},
        "tokenizer": {"lowercase": True},
        "training": {"epochs": 3},
        "initialize_from": "v.txt",
        "extra_words": 10,
    }
    assert parse_any_recipe(written) == TaskRecipe(
        name="x",
        files=(Path("a.tsv"),),
        validation=Path("b.tsv"),
        model=ClassifierConfig(pooling="last"),
        format=LabelledFormat(columns=("label", "text")),
        encoder=EncoderConfig("gru"),
        tokenizer=TokenizerConfig(lowercase=True),
        training=TaskTrainingConfig(epochs=3),
        initialize_from=Path("v.txt"),
        extra_words=10,
    )


def test_parse_any_recipe_is_that_of_a_language_model_by_default() -> None:
    raw = {"name": "x", "files": ["a"]}
    assert parse_any_recipe(raw) == parse_recipe(raw)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"nmae": "x"}, "nmae"),
        ({"model": {"kind": "transformer"}}, "model.kind"),
        ({"model": {"kind": "classifier", "order": 3}}, "model.order"),
        ({"encoder": {"cell": "transformer"}}, "encoder.cell"),
        ({"encoder": {"layers": 0}}, "encoder.layers"),
        ({"training": {"bptt": 3}}, "training.bptt"),
        ({"format": {"tag": "upos"}}, "format.tag"),
        ({"format": 3}, "format"),
        ({"model": {"kind": "fill_in"}, "format": {"format": "csv"}}, "format"),
        ({"model": {"kind": "naive_bayes"}, "encoder": {"layers": 2}}, "encoder"),
        ({"memory": 3}, "memory"),
        ({"files": []}, "files"),
        ({"validation_fraction": 2}, "validation_fraction"),
    ],
)
def test_parse_any_recipe_names_a_mistake_in_a_task(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_any_recipe({"name": "x", "files": ["a"], "model": {"kind": "classifier"}} | change)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'name = "\xff"', "is not TOML: it is not in UTF-8"),
        (b"a = " + b"[" * 9999 + b"]" * 9999, "is not TOML: it is nested too deep"),
        (b"a = " + b"7" * 5000, "holds a number of too many digits"),
        (b"a b", "is not TOML"),
    ],
)
def test_read_recipe_file_says_in_plain_words_what_is_no_toml(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_recipe_file(tmp_path / "recipe.toml")
    assert "Exceeds" not in str(caught.value)
    assert "codec" not in str(caught.value)


def test_parse_config_refuses_half_a_surrogate_pair() -> None:
    with pytest.raises(InvalidInput, match="model: must hold strings in Unicode"):
        parse_config(NgramConfig, {"smoothing": "\ud800"}, "model.")


def test_parse_config_refuses_a_hexadecimal_number_of_thousands_of_digits() -> None:
    with pytest.raises(InvalidInput, match="model: holds a number of too many digits"):
        parse_config(NgramConfig, tomllib.loads(f"order = 0x{'f' * 5000}"), "model.")


def test_parse_config_names_a_field_that_is_no_unicode_in_a_message_that_is() -> None:
    with pytest.raises(InvalidInput, match="unknown") as caught:
        parse_config(NgramConfig, {"\ud800": 1}, "model.")
    assert (str(caught.value).encode(), caught.value.field) == (caught.value.args[0].encode(), r"model.\ud800")
