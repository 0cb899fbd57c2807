"""Options of recipes for tasks, in sections for each configuration, and the recipe that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import click

from app.cli.dataclass_options import Command, dataclass_options, given_options
from app.core.attribute_docs import attribute_docs
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.neural.config import RecurrentConfig
from models.neural.encoder.config import EncoderConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.recipes.task_kinds import TASK_KINDS
from models.recipes.task_recipe import TaskRecipe
from models.tasks.training.config import TaskTrainingConfig

_TABLES = ("model", "format", "encoder", "tokenizer", "training")
FORMATS = {"labelled texts": LabelledFormat, "tagged sentences": TaggedFormat, "questions": QuestionFormat}
_OF_NO_TABLE = {"kind", "files"}
"""Options that every kind of model has."""


def format_options(command: Command) -> Command:
    """Add the options of all formats of labelled files."""
    for name, kind in reversed(FORMATS.items()):
        command = dataclass_options(kind, section=f"Files of {name}")(command)
    return command


def task_options(command: Command) -> Command:
    """Add the options of all tasks."""
    decorators = [
        dataclass_options(TaskRecipe, skip=(*_TABLES, "files", "initialize_from"), section="Tasks"),
        click.option("--initialize-from", metavar="FILE|MODEL", help=attribute_docs(TaskRecipe)["initialize_from"]),
        format_options,
        dataclass_options(EncoderConfig, section="Tasks: encoder"),
        dataclass_options(TaskTrainingConfig, section="Tasks: training"),
        *(dataclass_options(kind.config, section=f"Tasks: {name}") for name, kind in TASK_KINDS.items()),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def task_fields(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Arrange the options as the recipe file of a task of this kind has them.

    Those that mean nothing to the kind come into the table of the model, which refuses them by name.
    """
    parts = TASK_KINDS[kind]
    tables = {"model": given_options(parts.config, values)}
    if parts.format is not None:
        tables["format"] = given_options(parts.format, values)
    if parts.is_network:
        tables["encoder"] = given_options(EncoderConfig, values)
        tables["training"] = given_options(TaskTrainingConfig, values)
    top = {name: value for name, value in given_options(TaskRecipe, values).items() if name not in _TABLES}
    if parts.format is not None:
        top.pop("encoding", None)  # that of the format
    tables["model"] |= unused_options(values, [top, *tables.values()])
    return top | tables | {"model": {"kind": kind, **tables["model"]}}


def unused_options(values: dict[str, Any], used: Iterable[Collection[str]]) -> dict[str, Any]:
    """Return the options that were given and are in none of the tables `used`."""
    names = {name for table in used for name in table}
    configs = (NgramConfig, RecurrentConfig, TrainingConfig, Recipe, TaskRecipe, EncoderConfig, TaskTrainingConfig)
    kinds = (*configs, *FORMATS.values(), *(kind.config for kind in TASK_KINDS.values()))
    given = {name: value for kind in kinds for name, value in given_options(kind, values).items()}
    return {name: value for name, value in given.items() if name not in names | _OF_NO_TABLE}
