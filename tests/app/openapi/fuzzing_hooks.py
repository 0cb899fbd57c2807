"""Hooks of schemathesis: what a schema cannot say of requests that are accepted.

Values that depend on the model or on each other are left out, and whole numbers are written as such: to JSON Schema 1.0
is an integer, to this service it is none.
"""

from __future__ import annotations

from typing import Any

import schemathesis

JUDGED_BY_THE_MODEL = ("dimensions", "logit_bias", "spans", "shortlist")
"""Fields whose values must fit the model, the text or another field."""


def whole(value: Any) -> Any:
    """Return JSON with whole numbers where it has numbers without a fraction."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items() if name not in JUDGED_BY_THE_MODEL}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Leave out what only the model can judge."""
    return whole(body) if isinstance(body, dict | list) else body


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Leave out ids of rows that must exist, and parameters of bodies of another kind."""
    return {name: value for name, value in (query or {}).items() if name not in ("after", "bos", "eos", "keep_text")}


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    """Write records as they are."""
    return value if isinstance(value, bytes) else str(value).encode()
