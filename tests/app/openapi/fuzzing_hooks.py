"""Hooks of schemathesis: whole numbers are written as such, and records of JSON as they are.

To JSON Schema 1.0 is an integer, to this service it is none.
"""

from __future__ import annotations

from typing import Any

import schemathesis


def whole(value: Any) -> Any:
    """Return JSON with whole numbers where it has numbers without a fraction."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write whole numbers as the service takes them."""
    return whole(body) if isinstance(body, dict | list) else body


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    """Write records as they are."""
    return value if isinstance(value, bytes) else str(value).encode()
