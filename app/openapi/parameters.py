"""Parameters of routes: headers that the middleware reads, and those that may be left out."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings
from app.middleware.admission import ALWAYS_ADMITTED, TIMEOUT_HEADER


def without_null(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter without the type null, which only a body can hold: it is left out instead.

    >>> without_null({"name": "a", "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "A"}})
    {'name': 'a', 'schema': {'type': 'string', 'title': 'A'}}
    """
    schema = parameter["schema"]
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) != 1:
        return parameter
    (branch,) = branches
    return {**parameter, "schema": {**branch, **{name: value for name, value in schema.items() if name != "anyOf"}}}


def shared_parameters(path: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters that requests to `path` may have whatever its route."""
    return [] if path.startswith(ALWAYS_ADMITTED) else [_timeout_parameter(settings)]


def _timeout_parameter(settings: Settings) -> dict[str, Any]:
    longest = int(1e3 * settings.max_request_seconds)
    return {
        "name": TIMEOUT_HEADER.decode(),
        "in": "header",
        "description": "How many milliseconds the request may take; then it is stopped and answered with status 504, a "
        "stream with an error in place of the rest. Unset: as long as the service's settings allow.",
        "schema": {"type": "integer", "minimum": 1, "maximum": longest},
    }
