"""Bounds of the documentation are those of the service with its settings."""

from __future__ import annotations

from app.core.settings import Settings
from app.openapi.limits import apply_limits


def test_apply_limits_gives_fields_the_bounds_of_the_settings() -> None:
    schema = {
        "properties": {
            "n": {"anyOf": [{"type": "integer", "minimum": 1.0}, {"type": "null"}], "x-limit": "max_choices"},
            "text": {"anyOf": [{"type": "string"}, {"type": "array", "x-limit": "max_texts"}]},
            "seed": {"type": "integer", "exclusiveMaximum": float(2**64)},
            "share": {"type": "number", "maximum": 1.0},
        }
    }
    apply_limits(schema, Settings(max_choices=3, max_texts=5))
    assert schema["properties"] == {
        "n": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 3}, {"type": "null"}], "x-limit": "max_choices"},
        "text": {"anyOf": [{"type": "string"}, {"type": "array", "x-limit": "max_texts", "maxItems": 5}]},
        "seed": {"type": "integer", "exclusiveMaximum": 2**64},
        "share": {"type": "number", "maximum": 1.0},
    }
    assert isinstance(schema["properties"]["seed"]["exclusiveMaximum"], int)
