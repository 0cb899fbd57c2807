"""JSON schema of the configurations of `models`, for the documentation of requests that hold one."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, WithJsonSchema

from app.core.attribute_docs import attribute_docs


def config_schema(*kinds: type[Any], without: str = "") -> WithJsonSchema:
    """Return the JSON schema of dataclasses merged into one object, `without` one field."""
    properties: dict[str, Any] = {}
    for kind in kinds:
        documented = attribute_docs(kind)
        for name, schema in TypeAdapter(kind).json_schema().get("properties", {}).items():
            properties[name] = schema | ({"description": documented[name]} if name in documented else {})
    properties.pop(without, None)
    return WithJsonSchema({"type": "object", "properties": properties, "additionalProperties": False})
