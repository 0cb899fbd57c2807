"""Recipes as users write them - flags, TOML, JSON - made into the one that `models` knows, or refused by field.

It knows names and types of fields, nested as in a file. It does not know where the fields were written, nor what a
value means: the configurations check that themselves.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from app.core.container_limits import parse_memory_size
from models.composite.mixture import MixtureModel
from models.errors import InvalidInput
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import COMPOSITE_CONFIGS, Composition, Recipe
from models.tokenization.tokenizer import TokenizerConfig

Config = TypeVar("Config")
RawFields = Mapping[str, Any]

TABLES = ("model", "tokenizer", "training")
"""The tables of a recipe; `model` has a field `kind` beside those of the configuration that it names."""
MODEL_KINDS = ("ngram", "rnn", "lstm", "gru", "feedforward")


def parse_recipe(written: RawFields) -> Recipe:
    """The recipe of plain data. Raises InvalidInput, naming the field, for what is unknown, missing or not accepted."""
    tables = {name: _table(written, name) for name in TABLES}
    kind = tables["model"].get("kind", "ngram")
    if kind not in MODEL_KINDS:
        raise InvalidInput("model.kind", f"must be one of {', '.join(MODEL_KINDS)}")
    if kind == "ngram":
        tables["model"] = {name: value for name, value in tables["model"].items() if name != "kind"}
    parts: dict[str, Any] = {
        "model": parse_config(NgramConfig if kind == "ngram" else RecurrentConfig, tables["model"], "model."),
        "tokenizer": parse_config(TokenizerConfig, tables["tokenizer"], "tokenizer."),
    }
    if tables["training"]:
        parts["training"] = parse_config(TrainingConfig, tables["training"], "training.")
    rest = {name: written[name] for name in written if name not in TABLES}
    if isinstance(rest.get("memory"), str):
        rest["memory"] = parse_memory_size(rest["memory"])
    return replace(parse_config(Recipe, rest), **parts)


def parse_composition(written: RawFields) -> Composition:
    """The composition of plain data, as `recipe`."""
    table = dict(_table(written, "model"))
    kind = table.pop("kind", MixtureModel.kind)
    if kind not in COMPOSITE_CONFIGS:
        raise InvalidInput("model.kind", f"must be one of {', '.join(COMPOSITE_CONFIGS)}")
    rest = {name: value for name, value in written.items() if name != "model"}
    model = parse_config(COMPOSITE_CONFIGS[kind], table, "model.")
    found = replace(parse_config(Composition, rest), model=model)
    found.check()
    return found


def parse_config(kind: type[Config], written: RawFields, prefix: str = "") -> Config:
    """An instance of a frozen dataclass from plain data: no unknown fields, and no `"3"` where a number is wanted."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in written:
        if name not in known:
            raise InvalidInput(f"{prefix}{name}", f"unknown; known are {', '.join(known)}")
    try:
        # As JSON, a list may be a tuple and a string a path, and yet no string becomes a number.
        return TypeAdapter(kind).validate_json(json.dumps(written), strict=True)
    except ValidationError as error:
        raise to_invalid_input(error, prefix) from None
    except TypeError as error:
        raise InvalidInput(
            prefix.rstrip(".") or "recipe", f"must hold text, numbers and lists only ({error})"
        ) from None


def read_recipe_file(path: Path | None) -> dict[str, Any]:
    """The fields of a TOML file; no file has none. Raises InvalidInput."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput("recipe", f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InvalidInput("recipe", f"{path} is not TOML ({error})") from None


def merge_fields(written: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `written`, table by table."""
    found = written | over
    for name in TABLES:
        if name in over and isinstance(written.get(name, {}), dict):
            found[name] = written.get(name, {}) | over[name]
    return found


def _table(written: RawFields, name: str) -> RawFields:
    table = written.get(name, {})
    if not isinstance(table, Mapping):
        raise InvalidInput(name, "must be a table of fields")
    return table


def to_invalid_input(error: ValidationError, prefix: str = "") -> InvalidInput:
    """The first complaint, under the name that the user wrote."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return InvalidInput(f"{prefix}{cause.field}", str(cause).removeprefix(f"{cause.field}: "))
    where = ".".join(str(part) for part in first["loc"])
    return InvalidInput(f"{prefix}{where}", first["msg"][:1].lower() + first["msg"][1:])
