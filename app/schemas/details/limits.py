"""Limits of fields that the settings have: routes check them, and the documentation tells them."""

from __future__ import annotations

from typing import Any

LIMIT_KEY = "x-limit"
"""Keyword of a schema that names the setting with its upper bound."""


def limited_by(setting: str) -> Any:
    """Return `json_schema_extra` of a field whose number or length is at most that of a setting."""
    return {LIMIT_KEY: setting}
