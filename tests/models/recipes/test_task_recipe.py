"""Recipes of tasks: what is filled in, and which field a mistake is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.data.labelled.config import LabelledFormat, TaggedFormat
from models.errors import InvalidInput
from models.neural.encoder.config import EncoderConfig
from models.recipes.task_kinds import TASK_KINDS, kind_of
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import ClassifierConfig, NaiveBayesConfig
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig
from models.tasks.training.config import TaskTrainingConfig


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_task_recipe_fills_in_what_its_kind_has(kind: str) -> None:
    parts = TASK_KINDS[kind]
    recipe = TaskRecipe("x", (Path("a"),), parts.config())
    assert recipe.kind == kind_of(parts.config()) == kind
    assert recipe.format == (None if parts.format is None else parts.format())
    assert (recipe.encoder, recipe.training) == (
        (EncoderConfig(), TaskTrainingConfig()) if parts.is_network else (None, None)
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "No Name"}, "name"),
        ({"files": ()}, "files"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"validation_fraction": float("nan")}, "validation_fraction"),
        ({"split_seed": -1}, "split_seed"),
        ({"extra_words": -1}, "extra_words"),
        ({"extra_words": 5}, "extra_words"),
        ({"vector_words": Path("w")}, "vector_words"),
        ({"format": TaggedFormat()}, "format"),
        ({"model": TaggerConfig(), "format": LabelledFormat()}, "format"),
        ({"format": LabelledFormat(multi_label=True)}, "format.multi_label"),
        ({"format": LabelledFormat("lines", file_labels=("a",)), "validation": Path("v")}, "validation"),
        ({"model": NaiveBayesConfig(), "encoder": EncoderConfig()}, "encoder"),
        ({"model": HmmTaggerConfig(), "training": TaskTrainingConfig()}, "training"),
        ({"model": HmmTaggerConfig(), "initialize_from": Path("v")}, "initialize_from"),
    ],
)
def test_task_recipe_names_the_field_it_refuses(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TaskRecipe(**{"name": "x", "files": (Path("a"),), **fields})
    assert caught.value.field == field


def test_task_recipe_takes_several_labels_where_the_model_does() -> None:
    fmt = LabelledFormat(multi_label=True)
    assert TaskRecipe("x", (Path("a"),), ClassifierConfig(multi_label=True), fmt).format == fmt
    assert TaskRecipe("x", (Path("a"),), ClassifierConfig(multi_label=True)).format == fmt
