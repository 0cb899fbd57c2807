"""Parsing of recipes that users write as flags, TOML or JSON into the dataclasses of `models`.

`parse_recipe`, `parse_task_recipe`, `parse_composition` and `parse_config` take plain data with the tables of a recipe
file and refuse unknown, missing or wrongly typed fields by name. What a value means is checked by the configurations
themselves.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from app.core.container_limits import parse_memory_size
from app.core.plain_messages import explain, locate
from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.encoder.config import EncoderConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import COMPOSITE_CONFIGS, Composition, Recipe
from models.recipes.task_kinds import TASK_KINDS
from models.recipes.task_recipe import TaskRecipe
from models.tasks.training.config import TaskTrainingConfig
from models.tokenization.config import TokenizerConfig
from models.utils.regular_files import read_regular

Config = TypeVar("Config")
RawFields = Mapping[str, Any]
MAX_RECIPE_BYTES = 1 << 20
"""Most bytes of a recipe's file."""
TABLES = ("model", "tokenizer", "training")
"""Tables of a recipe; `model` has a field `kind` beside those of the configuration that it selects."""
TASK_TABLES = (*TABLES, "encoder", "format")
"""Tables of a task's recipe."""
LANGUAGE_MODEL_KINDS = ("ngram", "rnn", "lstm", "gru", "feedforward")
MODEL_KINDS = (*LANGUAGE_MODEL_KINDS, *TASK_KINDS)


def parse_any_recipe(raw: RawFields) -> Recipe | TaskRecipe:
    """Parse the recipe of a language model or a task's, by its kind. Raises as `parse_recipe` does."""
    kind = _table(raw, "model").get("kind", "ngram")
    if kind not in MODEL_KINDS:
        raise InvalidInput("model.kind", f"must be one of {', '.join(MODEL_KINDS)}")
    return parse_task_recipe(raw) if kind in TASK_KINDS else parse_recipe(raw)


def parse_recipe(raw: RawFields) -> Recipe:
    """Parse a recipe. Raises InvalidInput, naming the field that is unknown, missing or not accepted."""
    tables = {name: _table(raw, name) for name in TABLES}
    kind = tables["model"].get("kind", "ngram")
    if kind not in LANGUAGE_MODEL_KINDS:
        raise InvalidInput("model.kind", f"must be one of {', '.join(LANGUAGE_MODEL_KINDS)}")
    if kind == "ngram":
        tables["model"] = {name: value for name, value in tables["model"].items() if name != "kind"}
    parts: dict[str, Any] = {
        "model": parse_config(NgramConfig if kind == "ngram" else RecurrentConfig, tables["model"], "model."),
        "tokenizer": parse_config(TokenizerConfig, tables["tokenizer"], "tokenizer."),
    }
    if tables["training"]:
        parts["training"] = parse_config(TrainingConfig, tables["training"], "training.")
    rest = {name: raw[name] for name in raw if name not in TABLES}
    if isinstance(rest.get("memory"), str):
        rest["memory"] = parse_memory_size(rest["memory"])
    return replace(parse_config(Recipe, rest), **parts)


def parse_task_recipe(raw: RawFields) -> TaskRecipe:
    """Parse the recipe of a task's model. Raises InvalidInput as `parse_recipe` does."""
    tables = {name: dict(_table(raw, name)) for name in TASK_TABLES}
    kind = TASK_KINDS[tables["model"].pop("kind")]
    parts: dict[str, Any] = {"model": parse_config(kind.config, tables["model"], "model.")}
    optional = {"encoder": EncoderConfig, "training": TaskTrainingConfig, "tokenizer": TokenizerConfig}
    if kind.format is not None:
        optional["format"] = kind.format
    for name in TASK_TABLES[1:]:
        if tables[name] and name not in optional:
            raise InvalidInput(name, "is for labelled files; this kind learns from plain text")
        if tables[name]:
            parts[name] = parse_config(optional[name], tables[name], f"{name}.")
    rest = {name: raw[name] for name in raw if name not in TASK_TABLES}
    parsed = parse_config(TaskRecipe, rest)
    # Made anew with all parts at once, since they are checked together.
    return TaskRecipe(**{name: getattr(parsed, name) for name in rest}, **parts)


def parse_composition(raw: RawFields) -> Composition:
    """Parse a composition. Raises InvalidInput as `parse_recipe` does."""
    table = dict(_table(raw, "model"))
    kind = table.pop("kind", "mixture")
    if kind not in COMPOSITE_CONFIGS:
        raise InvalidInput("model.kind", f"must be one of {', '.join(COMPOSITE_CONFIGS)}")
    rest = {name: value for name, value in raw.items() if name != "model"}
    model = parse_config(COMPOSITE_CONFIGS[kind], table, "model.")
    composition = replace(parse_config(Composition, rest), model=model)
    composition.check()
    return composition


def parse_config(kind: type[Config], raw: RawFields, prefix: str = "") -> Config:
    """Parse an instance of a frozen dataclass; unknown fields and text in place of numbers are refused."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in raw:
        if name not in known:
            raise InvalidInput(f"{prefix}{name}", f"unknown; known are {', '.join(known)}")
    try:
        # Read as JSON, a list may become a tuple and a string a path, but no string becomes a number.
        parsed: Config = _adapter(cast("Any", kind)).validate_json(json.dumps(raw), strict=True)
        return parsed
    except ValidationError as error:
        raise to_invalid_input(error, prefix) from None
    except (TypeError, RecursionError):
        raise InvalidInput(prefix.rstrip(".") or "recipe", "must hold text, numbers and lists only") from None
    except ValueError:  # of JSON's writer: TOML's hexadecimal numbers have no limit
        raise InvalidInput(prefix.rstrip(".") or "recipe", "holds a number of too many digits") from None


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Return the validator of a class, whose making takes milliseconds."""
    return TypeAdapter(kind)


def read_recipe_file(path: Path | None) -> dict[str, Any]:
    """Read the fields of a TOML file; an empty dictionary for None. Raises InvalidInput."""
    if path is None:
        return {}
    try:
        return tomllib.loads(read_regular(path, MAX_RECIPE_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise InvalidInput("recipe", f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InvalidInput("recipe", f"{path} is not TOML: it is not in UTF-8") from None
    except RecursionError:
        raise InvalidInput("recipe", f"{path} is not TOML: it is nested too deep") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("recipe", f"{path} is not TOML ({error})") from None
    except ValueError:
        raise InvalidInput("recipe", f"{path} holds a number of too many digits") from None


def merge_fields(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Merge two recipes table by table; fields of `over` win."""
    merged = base | over
    for name in TASK_TABLES:
        if name in over and isinstance(base.get(name, {}), dict):
            merged[name] = base.get(name, {}) | over[name]
    return merged


def _table(raw: RawFields, name: str) -> RawFields:
    table = raw.get(name, {})
    if not isinstance(table, Mapping):
        raise InvalidInput(name, "must be a table of fields")
    return table


def to_invalid_input(error: ValidationError, prefix: str = "") -> InvalidInput:
    """Convert the first of pydantic's complaints, under the field name that the user wrote."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":  # what was written as JSON here cannot be read: half a surrogate pair
        return InvalidInput(prefix.rstrip(".") or "recipe", "must hold strings in Unicode")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return cause.of_field(f"{prefix}{cause.field}")
    return InvalidInput(f"{prefix}{locate(first['loc'])}", explain(first))
