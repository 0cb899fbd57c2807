"""Answers as JSON, written by orjson: a large one costs little more than making its dictionaries.

It knows plain dictionaries and their bytes. NaN and infinities would become null, so nobody may put them in:
`logprob_fields` and `zero_probability` in the schemas are the doors that log-probabilities go through.
"""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response
from orjson import dumps


class Json(Response):
    """An answer of a dictionary."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Its bytes, UTF-8 without blanks."""
        return dumps(content)


def event(content: dict[str, Any]) -> bytes:
    """A server-sent event of a dictionary."""
    return b"data: " + dumps(content) + b"\n\n"
