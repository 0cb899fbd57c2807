"""Bounds in schemas: those of the settings, and those of whole numbers, written as whole numbers."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings
from app.schemas.limits import LIMIT_KEY

JsonObject = dict[str, Any]
UPPER_BOUNDS = {"integer": "maximum", "array": "maxItems", "string": "maxLength"}
"""Type of a value -> the keyword of its upper bound."""
NUMBER_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def apply_limits(schema: Any, settings: Settings) -> None:
    """Give each value in `schema` that a setting limits its upper bound, and whole numbers whole bounds.

    Pydantic writes 2**64 as 1.8446744073709552e19, which programs read as a bound of some hundreds more.
    """
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in parts:
        apply_limits(part, settings)
    if isinstance(schema, dict):
        _write_whole_bounds(schema)
        if isinstance(name := schema.get(LIMIT_KEY), str):
            _limit(schema, getattr(settings, name))


def _write_whole_bounds(schema: JsonObject) -> None:
    if schema.get("type") == "integer":
        schema |= {name: int(schema[name]) for name in NUMBER_BOUNDS if isinstance(schema.get(name), float)}


def _limit(schema: JsonObject, most: int) -> None:
    for branch in schema.get("anyOf", [schema]):
        if branch.get("type") in UPPER_BOUNDS:
            branch.setdefault(UPPER_BOUNDS[branch["type"]], most)
