"""Answers as JSON, written by pydantic's compiled encoder: six times as fast as the standard library's.

It knows plain dictionaries and their bytes. NaN and infinities would become null, so nobody may put them in:
`logprob_fields` in the schemas is the door that log-probabilities go through.
"""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response
from pydantic_core import to_json


class Json(Response):
    """An answer of a dictionary."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Its bytes, UTF-8 without blanks."""
        return to_json(content)


def event(content: dict[str, Any]) -> bytes:
    """A server-sent event of a dictionary."""
    return b"data: " + to_json(content) + b"\n\n"
