"""Limits of fields that the settings have: routes check them, and the documentation tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LIMIT_KEY = "x-limit"
"""Keyword of a schema that names the setting with its upper bound."""


def matching(pattern: str) -> Callable[[dict[str, Any]], None]:
    """Return `json_schema_extra` of a field of one text or several: each must hold a match of `pattern`.

    What else makes a text acceptable, its tokenizer decides.
    """

    def add(schema: dict[str, Any]) -> None:
        for branch in schema["anyOf"]:
            branch.get("items", branch)["pattern"] = pattern

    return add


def limited_by(setting: str) -> Any:
    """Return `json_schema_extra` of a field whose number or length is at most that of a setting."""
    return {LIMIT_KEY: setting}


def zero_or_at_least(least: float) -> Any:
    """Return `json_schema_extra` of a number that may be 0, or is at least so large."""
    return {"not": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": least}}
