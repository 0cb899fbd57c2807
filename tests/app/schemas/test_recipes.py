"""Parsing of recipes: accepted fields, and how each mistake is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.schemas.recipes import parse_recipe
from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
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
    with pytest.raises(InvalidInput, match="files: field required"):
        parse_recipe({"name": "x"})


def test_parse_recipe_refuses_a_date() -> None:
    with pytest.raises(InvalidInput, match="text, numbers and lists"):
        parse_recipe({"name": date(2026, 1, 1), "files": ["a"]})
