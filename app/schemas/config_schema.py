"""JSON schema of the configurations of `models`, for the documentation of requests that hold one."""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.core.attribute_docs import attribute_docs


class ConfigSchema:
    """Annotation of a dictionary: documents it as the fields of dataclasses, merged, `without` one.

    The schema is made when the document is: it takes milliseconds that a server needs not wait for at its start.
    """

    def __init__(self, *kinds: type[Any], without: str = "") -> None:
        self._kinds = kinds
        self._without = without

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema in place of a dictionary's, as pydantic asks of annotations."""
        properties: dict[str, Any] = {}
        for kind in self._kinds:
            documented = attribute_docs(kind)
            for name, schema in TypeAdapter(kind).json_schema().get("properties", {}).items():
                properties[name] = schema | ({"description": documented[name]} if name in documented else {})
        properties.pop(self._without, None)
        return {"type": "object", "properties": properties, "additionalProperties": False}
