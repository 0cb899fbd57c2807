"""OpenAPI descriptions of answers that are streams: server-sent events, and lines of JSON.

OpenAPI 3.1 can only call them a string; `itemSchema`, as OpenAPI 3.2 has it, tells programs what each event or line
is, and takes the place of `schema`. Schemas are named by the class of the body, which `app.openapi.schemas` must list.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"


def schema_ref(model: type[BaseModel]) -> dict[str, str]:
    """Return the reference to the schema of `model` in the document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def event_stream(*models: type[BaseModel], description: str, names: str = "") -> dict[str, Any]:
    """Return the content of server-sent events: JSON of one of `models`, and at the end `[DONE]`.

    names: what the field `event` of each says, where there is one; such a stream ends without `[DONE]`.
    """
    refs = [schema_ref(model) for model in models]
    content = {"contentMediaType": "application/json", "contentSchema": refs[0] if len(refs) == 1 else {"anyOf": refs}}
    properties: dict[str, Any] = {"data": {"type": "string", "anyOf": [{"const": "[DONE]"}, content]}}
    if names:
        properties = {
            "event": {"type": "string", "description": names},
            "id": {"type": "string"},
            "data": {"type": "string"} | content,
        }
    item = {"type": "object", "description": description, "required": ["data"], "properties": properties}
    return {EVENT_STREAM: {"itemSchema": item}}


def json_lines(*models: type[BaseModel], description: str) -> dict[str, Any]:
    """Return the content of lines of JSON, each of one of `models`."""
    refs = [schema_ref(model) for model in models]
    return {NDJSON: {"itemSchema": {"description": description, "anyOf": refs}}}
