"""Bounds that depend on the settings, written into the schemas of the fields that are limited by them."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings
from app.schemas.limits import LIMIT_KEY

JsonObject = dict[str, Any]
BOUNDS = {"integer": "maximum", "array": "maxItems", "string": "maxLength"}
"""Type of a value -> the keyword of its upper bound."""


def apply_limits(schema: Any, settings: Settings) -> None:
    """Give each value in `schema` that a setting limits its upper bound."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in parts:
        apply_limits(part, settings)
    if isinstance(schema, dict) and isinstance(name := schema.get(LIMIT_KEY), str):
        for branch in schema.get("anyOf", [schema]):
            if branch.get("type") in BOUNDS:
                branch.setdefault(BOUNDS[branch["type"]], getattr(settings, name))
